import { defineOp, type Tensor } from '../graph.ts'
import type { TfTensor } from '../engines/tf.ts'
import { graphError, isStatic, normalizeAxis, sizeOf, type Dim, type Shape } from '../shapes.ts'
import { div, mul, neg } from './arithmetic.ts'
import { cast, equal } from './logic.ts'
import { expandAs, lengthOf, reshape } from './shape.ts'

interface ReduceAttributes {
  readonly axes: readonly number[]
  readonly keepDims: boolean
}

export interface ReduceOptions {
  /** All axes if not given. */
  readonly axes?: readonly number[]
  /** Leave axes of length 1 where axes were reduced; false if not given. */
  readonly keepDims?: boolean
}

const keptShape = (x: Tensor, axes: readonly number[]): Shape => x.shape.map((d, i) => (axes.includes(i) ? 1 : d))

function reducedShape(
  name: string,
  x: Tensor,
  { axes, keepDims }: ReduceAttributes,
): { shape: Shape; dtype: 'float32' } {
  if (x.dtype !== 'float32') throw graphError(name, `wants float32, got ${x.dtype}`, [x.shape])
  return { shape: keepDims ? keptShape(x, axes) : x.shape.filter((_, i) => !axes.includes(i)), dtype: 'float32' }
}

function attributes(name: string, x: Tensor, options: ReduceOptions): ReduceAttributes {
  const axes = (options.axes ?? x.shape.map((_, i) => i)).map((axis) => normalizeAxis(name, axis, x.shape))
  return { axes: axes.toSorted((a, b) => a - b), keepDims: options.keepDims ?? false }
}

const sumOp = defineOp<ReduceAttributes>({
  name: 'reduceSum',
  infer: (a, x: Tensor) => reducedShape('reduceSum', x, a),
  onnx: (emit, { attributes: a }, x: string) =>
    emit.node('ReduceSum', [x, emit.ints(a.axes)], { keepdims: Number(a.keepDims) }),
  tf: (tf, { attributes: a }, x: TfTensor) => tf.sum(x, [...a.axes], a.keepDims),
  gradient: ({ attributes: { axes } }, g, x: Tensor) => [reshape(g, keptShape(x, axes))],
})

export function reduceSum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const a = attributes('reduceSum', x, options)
  return a.axes.length === 0 ? x : sumOp(a, x)
}

const meanOp = defineOp<ReduceAttributes>({
  name: 'reduceMean',
  infer: (a, x: Tensor) => reducedShape('reduceMean', x, a),
  onnx: (emit, { attributes: a }, x: string) =>
    emit.node('ReduceMean', [x, emit.ints(a.axes)], { keepdims: Number(a.keepDims) }),
  tf: (tf, { attributes: a }, x: TfTensor) => tf.mean(x, [...a.axes], a.keepDims),
  gradient: ({ attributes: { axes } }, g, x: Tensor) => {
    const lengths = axes.map((axis) => x.shape[axis] as Dim)
    const shared = isStatic(lengths) ? mul(g, 1 / sizeOf(lengths)) : div(g, lengthOf(x, axes))
    return [reshape(shared, keptShape(x, axes))]
  },
})

export function reduceMean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const a = attributes('reduceMean', x, options)
  return a.axes.length === 0 ? x : meanOp(a, x)
}

const maxOp = defineOp<ReduceAttributes>({
  name: 'reduceMax',
  infer: (a, x: Tensor) => reducedShape('reduceMax', x, a),
  onnx: (emit, { attributes: a }, x: string) =>
    emit.node('ReduceMax', [x, emit.ints(a.axes)], { keepdims: Number(a.keepDims) }),
  tf: (tf, { attributes: a }, x: TfTensor) => tf.max(x, [...a.axes], a.keepDims),
  // Equal maxima share the gradient.
  gradient: (node, g, x: Tensor) => {
    const { axes } = node.attributes
    const kept = keptShape(x, axes)
    const isMax = cast(equal(x, reshape(node, kept)), 'float32')
    return [mul(isMax, reshape(div(g, reduceSum(isMax, { axes, keepDims: node.attributes.keepDims })), kept))]
  },
})

export function reduceMax(x: Tensor, options: ReduceOptions = {}): Tensor {
  const a = attributes('reduceMax', x, options)
  return a.axes.length === 0 ? x : maxOp(a, x)
}

/** Equal minima share the gradient. */
export const reduceMin = (x: Tensor, options: ReduceOptions = {}): Tensor => neg(reduceMax(neg(x), options))

/**
 * The gradient of a broadcast: `g` belongs to a result of shape `full`, to which an input of shape `target` was stretched.
 * Where `g` was not expanded itself, its sum along that axis is a multiple.
 */
export function sumTo(g: Tensor, target: Shape, full: Tensor): Tensor {
  const aligned = reshape(g, [...Array.from({ length: full.shape.length - g.shape.length }, () => 1), ...g.shape])
  const lead = full.shape.length - target.length
  const stretched = full.shape.flatMap((d, i) => (d !== 1 && (i < lead || target[i - lead] === 1) ? [i] : []))
  const repeats = stretched.filter((i) => aligned.shape[i] === 1).map((i) => full.shape[i] as Dim)
  const whole = isStatic(repeats) ? mul(aligned, sizeOf(repeats)) : expandAs(aligned, full)
  const axes = stretched.filter((i) => whole.shape[i] !== 1)
  const summed = reduceSum(whole, { axes, keepDims: true })
  return lead === 0 ? summed : reshape(summed, summed.shape.slice(lead))
}

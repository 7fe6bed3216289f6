import { defineOp, type Tensor } from '../graph.ts'
import type { TfTensor } from '../engines/tf.ts'
import { broadcastShapes, formatShape, graphError, isStatic, sameShape, type Dim, type Shape } from '../shapes.ts'

const reshapeOp = defineOp<{ shape: Shape }>({
  name: 'reshape',
  infer: ({ shape }, x: Tensor) => {
    const [numbers, symbols] = factors(shape)
    const [ofNumbers, ofSymbols] = factors(x.shape)
    if (numbers !== ofNumbers || symbols !== ofSymbols) {
      throw graphError('reshape', `cannot become ${formatShape(shape)}`, [x.shape])
    }
    if (shape.filter((d) => typeof d === 'string').length > 1) {
      throw graphError('reshape', `at most one dimension of ${formatShape(shape)} may be symbolic`, [x.shape])
    }
    return { shape, dtype: x.dtype }
  },
  onnx: (emit, node, x: string) => emit.node('Reshape', [x, emit.ints(unknownAs(-1, node.attributes.shape))]),
  tf: (tf, node, x: TfTensor) => tf.reshape(x, unknownAs(-1, node.attributes.shape)),
  gradient: (_, g, x: Tensor) => [reshape(g, x.shape)],
})

/** The product of the numbers and the sorted symbols of a shape; equal for shapes of one size. */
function factors(shape: Shape): [number, string] {
  const numbers = shape.reduce((product: number, d) => (typeof d === 'number' ? product * d : product), 1)
  const symbols = shape.filter((d) => typeof d === 'string').toSorted()
  return [numbers, symbols.join('*')]
}

const unknownAs = (value: number, shape: Shape): number[] => shape.map((d) => (typeof d === 'number' ? d : value))

/**
 * The same elements in another shape. One dimension may be -1: what is left over.
 * @throws MillraceError E_GRAPH if the sizes differ, or more than one dimension of the result is symbolic
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const full = shape.includes(-1) ? shape.map((d) => (d === -1 ? leftOver(x.shape, shape) : d)) : shape
  if (sameShape(full, x.shape)) return x
  return reshapeOp({ shape: full }, x)
}

function leftOver(from: Shape, to: Shape): Dim {
  const rest = [...from]
  let product = 1
  for (const dim of to) {
    if (dim === -1) continue
    const at = rest.indexOf(dim)
    if (typeof dim === 'string' && at >= 0) rest.splice(at, 1)
    else if (typeof dim === 'number') product *= dim
  }
  const symbols = rest.filter((d) => typeof d === 'string')
  const numbers = rest.reduce((p: number, d) => (typeof d === 'number' ? p * d : p), 1) / product
  if (symbols.length === 0 && Number.isInteger(numbers)) return numbers
  if (symbols.length === 1 && numbers === 1) return symbols[0] as string
  throw graphError('reshape', `cannot find the -1 of ${formatShape(to)}`, [from])
}

/** One dimension. */
export const flatten = (x: Tensor): Tensor => reshape(x, [-1])

/** A new axis of length 1 at the end. */
export const expandLast = (x: Tensor): Tensor => reshape(x, [...x.shape, 1])

const transposeOp = defineOp<{ permutation: readonly number[] }>({
  name: 'transpose',
  infer: ({ permutation }, x: Tensor) => {
    if (permutation.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || permutation.length !== x.shape.length) {
      throw graphError('transpose', `[${permutation.join()}] is no permutation of the axes`, [x.shape])
    }
    return { shape: permutation.map((axis) => x.shape[axis] as Dim), dtype: x.dtype }
  },
  onnx: (emit, node, x: string) => emit.node('Transpose', [x], { perm: node.attributes.permutation }),
  tf: (tf, node, x: TfTensor) => tf.transpose(x, [...node.attributes.permutation]),
  gradient: ({ attributes: { permutation } }, g) => [
    transpose(
      g,
      permutation.map((_, i) => permutation.indexOf(i)),
    ),
  ],
})

/** Axes in another order; reversed if none is given. */
export const transpose = (
  x: Tensor,
  permutation: readonly number[] = x.shape.map((_, i) => x.shape.length - 1 - i),
): Tensor => transposeOp({ permutation }, x)

const expandOp = defineOp<{ shape: readonly number[] }>({
  name: 'expand',
  infer: ({ shape }, x: Tensor) => {
    if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
      throw graphError('expand', `does not broadcast to ${formatShape(shape)}`, [x.shape])
    }
    return { shape, dtype: x.dtype }
  },
  onnx: (emit, node, x: string) => emit.node('Expand', [x, emit.ints(node.attributes.shape)]),
  tf: (tf, node, x: TfTensor) => tf.broadcastTo(x, [...node.attributes.shape]),
  gradient: (_, g) => [g],
  lazyGradient: true,
})

const expandAsOp = defineOp<null>({
  name: 'expandAs',
  infer: (_, x: Tensor, like: Tensor) => {
    if (!sameShape(broadcastShapes('expandAs', x.shape, like.shape), like.shape)) {
      throw graphError('expandAs', 'does not broadcast to the shape of the second', [x.shape, like.shape])
    }
    return { shape: like.shape, dtype: x.dtype }
  },
  onnx: (emit, _, x: string, like: string) => emit.node('Expand', [x, emit.node('Shape', [like])]),
  tf: (tf, _, x: TfTensor, like: TfTensor) => tf.broadcastTo(x, like.shape),
  gradient: (_, g) => [g, undefined],
  lazyGradient: true,
})

/** Repeated along axes of length 1 and new leading ones, to a shape known when the graph is built. */
export const expand = (x: Tensor, shape: readonly number[]): Tensor =>
  sameShape(x.shape, shape) ? x : expandOp({ shape }, x)

/** Repeated to the shape of another tensor, which may be symbolic. */
export function expandAs(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x
  return isStatic(like.shape) ? expand(x, like.shape) : expandAsOp(null, x, like)
}

const lengthOp = defineOp<{ axes: readonly number[] }>({
  name: 'length',
  infer: () => ({ shape: [], dtype: 'float32' }),
  onnx: (emit, { attributes: { axes } }, x: string) => {
    const dims = emit.node('Gather', [emit.node('Shape', [x]), emit.ints(axes)])
    return emit.node('Cast', [emit.node('ReduceProd', [dims], { keepdims: 0 })], { to: 1 })
  },
  tf: (tf, { attributes: { axes } }, x: TfTensor) => tf.scalar(axes.reduce((n, axis) => n * (x.shape[axis] ?? 1), 1)),
  gradient: null,
})

/** How many elements there are along `axes`, as a float32 scalar; for axes that are symbolic. */
export const lengthOf = (x: Tensor, axes: readonly number[]): Tensor => lengthOp({ axes }, x)

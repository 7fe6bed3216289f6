import { defineOp, type Operand, type Tensor } from '../graph.ts'
import type { Tf, TfTensor } from '../engines/tf.ts'
import { broadcastShapes, graphError, sameShape } from '../shapes.ts'
import { equal, greater, less, pair, where } from './logic.ts'
import { scalar, scalarValue } from './sources.ts'

interface BinaryRow {
  readonly onnx: string
  readonly tf: (tf: Tf, a: TfTensor, b: TfTensor) => TfTensor
  readonly fold: (a: number, b: number) => number
  /** The number that leaves the other operand as it is, right and left. */
  readonly right?: number
  readonly left?: number
  readonly gradient: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor, Tensor]
}

/** Element by element on float32 or int32, broadcasting. Equal operands of minimum and maximum share the gradient, as torch's do. */
const BINARY = {
  add: {
    onnx: 'Add',
    tf: (tf, a, b) => tf.add(a, b),
    fold: (a, b) => a + b,
    right: 0,
    left: 0,
    gradient: (g) => [g, g],
  },
  sub: { onnx: 'Sub', tf: (tf, a, b) => tf.sub(a, b), fold: (a, b) => a - b, right: 0, gradient: (g) => [g, neg(g)] },
  mul: {
    onnx: 'Mul',
    tf: (tf, a, b) => tf.mul(a, b),
    fold: (a, b) => a * b,
    right: 1,
    left: 1,
    gradient: (g, a, b) => [mul(g, b), mul(g, a)],
  },
  div: {
    onnx: 'Div',
    tf: (tf, a, b) => tf.div(a, b),
    fold: (a, b) => a / b,
    right: 1,
    gradient: (g, _a, b, y) => [div(g, b), neg(div(mul(g, y), b))],
  },
  minimum: {
    onnx: 'Min',
    tf: (tf, a, b) => tf.minimum(a, b),
    fold: Math.min,
    gradient: (g, a, b) => [chosen(less(a, b), g, a, b), chosen(greater(a, b), g, a, b)],
  },
  maximum: {
    onnx: 'Max',
    tf: (tf, a, b) => tf.maximum(a, b),
    fold: Math.max,
    gradient: (g, a, b) => [chosen(greater(a, b), g, a, b), chosen(less(a, b), g, a, b)],
  },
} as const satisfies Record<string, BinaryRow>

/** `g` where an operand was taken, half of it where both are equal. */
const chosen = (taken: Tensor, g: Tensor, a: Tensor, b: Tensor): Tensor =>
  where(taken, g, where(equal(a, b), mul(g, 0.5), 0))

function binary(name: keyof typeof BINARY): (a: Operand, b: Operand) => Tensor {
  const row: BinaryRow = BINARY[name]
  const make = defineOp<null>({
    name,
    infer: (_, a: Tensor, b: Tensor) => {
      if (a.dtype !== b.dtype || (a.dtype !== 'float32' && a.dtype !== 'int32')) {
        throw graphError(name, `wants two float32 or two int32, got ${a.dtype} and ${b.dtype}`, [a.shape, b.shape])
      }
      return { shape: broadcastShapes(name, a.shape, b.shape), dtype: a.dtype }
    },
    onnx: (emit, _, a: string, b: string) => emit.node(row.onnx, [a, b]),
    tf: (tf, _, a: TfTensor, b: TfTensor) => row.tf(tf, a, b),
    gradient: (node, g, a: Tensor, b: Tensor) => row.gradient(g, a, b, node),
    lazyGradient: true,
  })
  return (left, right) => {
    const [a, b] = pair(name, left, right)
    return simplified(row, a, b) ?? make(null, a, b)
  }
}

/** What is known of the result without a node: both are constants, or one changes nothing. */
function simplified(row: BinaryRow, a: Tensor, b: Tensor): Tensor | undefined {
  const x = scalarValue(a)
  const y = scalarValue(b)
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined
  if (x !== undefined && y !== undefined && a.shape.length + b.shape.length === 0) return scalar(row.fold(x, y))
  if (y !== undefined && y === row.right && sameShape(broadcastShapes('', a.shape, b.shape), a.shape)) return a
  if (x !== undefined && x === row.left && sameShape(broadcastShapes('', a.shape, b.shape), b.shape)) return b
  return undefined
}

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const minimum = binary('minimum')
export const maximum = binary('maximum')

/** x², element by element. */
export const square = (x: Tensor): Tensor => mul(x, x)

const negOp = defineOp<null>({
  name: 'neg',
  infer: (_, x: Tensor) => x,
  onnx: (emit, _, x: string) => emit.node('Neg', [x]),
  tf: (tf, _, x: TfTensor) => tf.neg(x),
  gradient: (_, g) => [neg(g)],
  lazyGradient: true,
})

export const neg = (x: Tensor): Tensor => negOp(null, x)

const signOp = defineOp<null>({
  name: 'sign',
  infer: (_, x: Tensor) => x,
  onnx: (emit, _, x: string) => emit.node('Sign', [x]),
  tf: (tf, _, x: TfTensor) => tf.sign(x),
  gradient: null,
})

/** -1, 0 or 1. It has no gradient. */
export const sign = (x: Tensor): Tensor => signOp(null, x)

const clipOp = defineOp<{ low: number; high: number }>({
  name: 'clip',
  infer: ({ low, high }, x: Tensor) => {
    if (x.dtype !== 'float32' || !(low <= high))
      throw graphError('clip', `wants float32 and ${low} <= ${high}`, [x.shape])
    return x
  },
  onnx: (emit, { attributes: { low, high } }, x: string) => emit.node('Clip', [x, emit.float(low), emit.float(high)]),
  tf: (tf, { attributes: { low, high } }, x: TfTensor) => tf.clipByValue(x, low, high),
  gradient: (node, g, x: Tensor) => [where(equal(x, node), g, 0)],
  lazyGradient: true,
})

/** Limited to [low, high]; the gradient passes inside, the ends included. */
export const clip = (x: Tensor, low: number, high: number): Tensor => clipOp({ low, high }, x)

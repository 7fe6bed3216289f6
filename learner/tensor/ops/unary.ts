import { defineOp, type Tensor } from '../graph.ts'
import type { Tf, TfTensor } from '../engines/tf.ts'
import { graphError } from '../shapes.ts'
import { add, div, mul, neg, sign, sub } from './arithmetic.ts'
import { greater, where } from './logic.ts'

interface UnaryRow {
  readonly onnx: string
  readonly tf: (tf: Tf, x: TfTensor) => TfTensor
  /** Gradient of the input `x` from the result's `g` and the result `y`. */
  readonly gradient: (g: Tensor, y: Tensor, x: Tensor) => Tensor
}

/** Element by element on float32. Where a derivative has a kink (abs, relu at 0) its left and right mean nothing: 0 is taken. */
const UNARY = {
  exp: { onnx: 'Exp', tf: (tf, x) => tf.exp(x), gradient: (g, y) => mul(g, y) },
  log: { onnx: 'Log', tf: (tf, x) => tf.log(x), gradient: (g, _y, x) => div(g, x) },
  sqrt: { onnx: 'Sqrt', tf: (tf, x) => tf.sqrt(x), gradient: (g, y) => div(mul(g, 0.5), y) },
  abs: { onnx: 'Abs', tf: (tf, x) => tf.abs(x), gradient: (g, _y, x) => mul(g, sign(x)) },
  tanh: { onnx: 'Tanh', tf: (tf, x) => tf.tanh(x), gradient: (g, y) => mul(g, sub(1, mul(y, y))) },
  relu: { onnx: 'Relu', tf: (tf, x) => tf.relu(x), gradient: (g, y) => where(greater(y, 0), g, 0) },
  elu: {
    onnx: 'Elu',
    tf: (tf, x) => tf.elu(x),
    gradient: (g, y) => where(greater(y, 0), g, mul(g, add(y, 1))),
  },
  sigmoid: { onnx: 'Sigmoid', tf: (tf, x) => tf.sigmoid(x), gradient: (g, y) => mul(g, mul(y, sub(1, y))) },
  softplus: { onnx: 'Softplus', tf: (tf, x) => tf.softplus(x), gradient: (g, _y, x) => mul(g, sigmoid(x)) },
  erf: {
    onnx: 'Erf',
    tf: (tf, x) => tf.erf(x),
    gradient: (g, _y, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  },
  reciprocal: { onnx: 'Reciprocal', tf: (tf, x) => tf.reciprocal(x), gradient: (g, y) => neg(mul(g, mul(y, y))) },
} as const satisfies Record<string, UnaryRow>

function unary(name: keyof typeof UNARY): (x: Tensor) => Tensor {
  const row: UnaryRow = UNARY[name]
  const make = defineOp<null>({
    name,
    infer: (_, x: Tensor) => {
      if (x.dtype !== 'float32') throw graphError(name, `wants float32, got ${x.dtype}`, [x.shape])
      return x
    },
    onnx: (emit, _, x: string) => emit.node(row.onnx, [x]),
    tf: (tf, _, x: TfTensor) => row.tf(tf, x),
    gradient: (node, g, x: Tensor) => [row.gradient(g, node, x)],
    lazyGradient: true,
  })
  return (x) => make(null, x)
}

export const exp = unary('exp')
export const log = unary('log')
export const sqrt = unary('sqrt')
export const abs = unary('abs')
export const tanh = unary('tanh')
export const relu = unary('relu')
/** x where it is positive, else exp(x) - 1 (Clevert et al. 2015, arXiv:1511.07289). */
export const elu = unary('elu')
export const sigmoid = unary('sigmoid')
/** log(1 + exp(x)) */
export const softplus = unary('softplus')
export const erf = unary('erf')
export const reciprocal = unary('reciprocal')

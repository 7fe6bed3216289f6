import { defineOp, type Tensor } from '../graph.ts'
import type { TfTensor } from '../engines/tf.ts'
import { graphError, normalizeAxis } from '../shapes.ts'
import { mul, sub } from './arithmetic.ts'
import { reduceSum } from './reduce.ts'
import { exp } from './unary.ts'

function floats(op: string, x: Tensor): Tensor {
  if (x.dtype !== 'float32' || x.shape.length === 0)
    throw graphError(op, `wants float32 with an axis, got ${x.dtype}`, [x.shape])
  return x
}

const overLast = (x: Tensor): Tensor => reduceSum(x, { axes: [-1], keepDims: true })

const softmaxOp = defineOp<null>({
  name: 'softmax',
  infer: (_, x: Tensor) => floats('softmax', x),
  onnx: (emit, _, x: string) => emit.node('Softmax', [x], { axis: -1 }),
  tf: (tf, _, x: TfTensor) => tf.softmax(x),
  gradient: (y, g) => [mul(y, sub(g, overLast(mul(g, y))))],
})

/** exp(x) over its sum along the last axis. */
export const softmax = (x: Tensor): Tensor => softmaxOp(null, x)

const logSoftmaxOp = defineOp<{ axis: number }>({
  name: 'logSoftmax',
  infer: (_, x: Tensor) => floats('logSoftmax', x),
  onnx: (emit, { attributes: { axis }, shape }, x: string) => {
    if (axis === shape.length - 1) return emit.node('LogSoftmax', [x], { axis })
    // Along another axis the runtime would transpose twice; whole rows at a time are faster.
    const centred = emit.node('Sub', [x, emit.node('ReduceMax', [x, emit.ints([axis])], { keepdims: 1 })])
    const sum = emit.node('ReduceSum', [emit.node('Exp', [centred]), emit.ints([axis])], { keepdims: 1 })
    return emit.node('Sub', [centred, emit.node('Log', [sum])])
  },
  tf: (tf, { attributes: { axis }, shape }, x: TfTensor) => {
    if (axis === shape.length - 1) return tf.logSoftmax(x)
    const swap = shape.map((_, i) => (i === axis ? shape.length - 1 : i === shape.length - 1 ? axis : i))
    return tf.transpose(tf.logSoftmax(tf.transpose(x, swap)), swap)
  },
  gradient: (y, g) => [sub(g, mul(exp(y), reduceSum(g, { axes: [y.attributes.axis], keepDims: true })))],
})

/** log softmax along an axis, the last if none is given, without overflow. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  logSoftmaxOp({ axis: normalizeAxis('logSoftmax', axis, x.shape) }, x)

import { defineOp, type Tensor } from '../graph.ts'
import type { TfTensor } from '../engines/tf.ts'
import { graphError } from '../shapes.ts'
import { mul, sub } from './arithmetic.ts'
import { reduceSum } from './reduce.ts'
import { exp } from './unary.ts'

function lastAxis(op: string, x: Tensor): Tensor {
  if (x.dtype !== 'float32' || x.shape.length === 0)
    throw graphError(op, `wants float32 with an axis, got ${x.dtype}`, [x.shape])
  return x
}

const overLast = (x: Tensor): Tensor => reduceSum(x, { axes: [-1], keepDims: true })

const softmaxOp = defineOp<null>({
  name: 'softmax',
  infer: (_, x: Tensor) => lastAxis('softmax', x),
  onnx: (emit, _, x: string) => emit.node('Softmax', [x], { axis: -1 }),
  tf: (tf, _, x: TfTensor) => tf.softmax(x),
  gradient: (y, g) => [mul(y, sub(g, overLast(mul(g, y))))],
})

/** exp(x) over its sum along the last axis. */
export const softmax = (x: Tensor): Tensor => softmaxOp(null, x)

const logSoftmaxOp = defineOp<null>({
  name: 'logSoftmax',
  infer: (_, x: Tensor) => lastAxis('logSoftmax', x),
  onnx: (emit, _, x: string) => emit.node('LogSoftmax', [x], { axis: -1 }),
  tf: (tf, _, x: TfTensor) => tf.logSoftmax(x),
  gradient: (y, g) => [sub(g, mul(exp(y), overLast(g)))],
})

/** log softmax along the last axis, without overflow. */
export const logSoftmax = (x: Tensor): Tensor => logSoftmaxOp(null, x)

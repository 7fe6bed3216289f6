import * as tfjs from '@tensorflow/tfjs'
import * as t from '../../../learner/tensor/index.ts'

export const tf = tfjs
type TfT = tfjs.Tensor

/** One differentiable function, in our operators and in TensorFlow.js's own. */
export interface OpCase {
  readonly name: string
  readonly shapes: readonly (readonly number[])[]
  readonly ours: (...xs: t.Tensor[]) => t.Tensor
  readonly theirs: (...xs: TfT[]) => TfT
  /** Inputs made positive: log, sqrt, denominators. */
  readonly positive?: boolean
}

const rows = t.constant(t.int32([2, 0, 2, 1], [2, 2]))
const tfRows = () => tf.tensor2d([2, 0, 2, 1], [2, 2], 'int32')
const picks = t.constant(t.int32([1, 3, 0], [3]))
const mask = t.constant({ dtype: 'bool', shape: [2, 3], data: Uint8Array.of(1, 0, 0, 1, 1, 0) })
const tfMask = () => tf.tensor2d([1, 0, 0, 1, 1, 0], [2, 3], 'bool')

const unary = (name: 'exp' | 'tanh' | 'relu' | 'sigmoid' | 'softplus' | 'erf' | 'abs' | 'neg' | 'square'): OpCase => ({
  name,
  shapes: [[2, 3]],
  // oxlint-disable-next-line import/namespace -- the names are those of the parameter's type
  ours: t[name],
  theirs: (x) => tf[name](x),
})

const conv = (
  name: string,
  options: { stride: [number, number]; pads: [number, number, number, number]; image: number },
): OpCase => ({
  name,
  shapes: [
    [2, 2, options.image, options.image],
    [3, 2, 3, 2],
  ],
  ours: (x, w) => t.conv2d(x, w, { strides: options.stride, pads: options.pads }),
  theirs: (x, w) => {
    const [top, left, bottom, right] = options.pads
    const image = tf.pad(tf.transpose(x, [0, 2, 3, 1]), [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ])
    return tf.transpose(
      tf.conv2d(image as tfjs.Tensor4D, tf.transpose(w, [2, 3, 1, 0]) as tfjs.Tensor4D, options.stride, 'valid'),
      [0, 3, 1, 2],
    )
  },
})

const convLast = (
  name: string,
  options: {
    stride: [number, number]
    pads: [number, number, number, number]
    image: [number, number]
    filters: number
  },
): OpCase => ({
  name,
  shapes: [[2, ...options.image, 2], [3, 2, 2, options.filters], [options.filters]],
  ours: (x, w, b) => t.conv2dLast(x, w, { bias: b, strides: options.stride, pads: options.pads }),
  theirs: (x, w, b) => {
    const [top, left, bottom, right] = options.pads
    const image = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ])
    return tf.add(tf.conv2d(image as tfjs.Tensor4D, w as tfjs.Tensor4D, options.stride, 'valid'), b)
  },
})

export const OP_CASES: readonly OpCase[] = [
  ...(['exp', 'tanh', 'relu', 'sigmoid', 'softplus', 'erf', 'abs', 'neg', 'square'] as const).map(unary),
  { name: 'log', shapes: [[2, 3]], positive: true, ours: t.log, theirs: (x) => tf.log(x) },
  { name: 'sqrt', shapes: [[2, 3]], positive: true, ours: t.sqrt, theirs: (x) => tf.sqrt(x) },
  { name: 'reciprocal', shapes: [[2, 3]], positive: true, ours: t.reciprocal, theirs: (x) => tf.reciprocal(x) },
  { name: 'clip', shapes: [[3, 4]], ours: (x) => t.clip(x, -0.7, 0.6), theirs: (x) => tf.clipByValue(x, -0.7, 0.6) },
  {
    name: 'add, broadcast both ways',
    shapes: [
      [2, 1],
      [1, 3],
    ],
    ours: t.add,
    theirs: (a, b) => tf.add(a, b),
  },
  { name: 'add to a vector of a scalar', shapes: [[4], []], ours: t.add, theirs: (a, b) => tf.add(a, b) },
  { name: 'sub, broadcast', shapes: [[2, 3], [3]], ours: t.sub, theirs: (a, b) => tf.sub(a, b) },
  { name: 'mul, broadcast', shapes: [[3], [2, 1]], ours: t.mul, theirs: (a, b) => tf.mul(a, b) },
  {
    name: 'div, broadcast',
    shapes: [
      [2, 3],
      [2, 1],
    ],
    positive: true,
    ours: t.div,
    theirs: (a, b) => tf.div(a, b),
  },
  {
    name: 'minimum',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    ours: t.minimum,
    theirs: (a, b) => tf.minimum(a, b),
  },
  {
    name: 'maximum',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    ours: t.maximum,
    theirs: (a, b) => tf.maximum(a, b),
  },
  {
    name: 'one tensor used twice',
    shapes: [[2, 3]],
    ours: (x) => t.mul(t.exp(x), x),
    theirs: (x) => tf.mul(tf.exp(x), x),
  },
  {
    name: 'where, broadcast',
    shapes: [[2, 3], [3]],
    ours: (a, b) => t.where(mask, a, b),
    theirs: (a, b) => tf.where(tfMask(), a, tf.broadcastTo(b, [2, 3])),
  },
  {
    name: 'cast',
    shapes: [[2, 3]],
    ours: (x) => t.mul(x, t.cast(t.greater(x, 0), 'float32')),
    theirs: (x) => tf.relu(x),
  },
  {
    name: 'gemm',
    shapes: [
      [2, 3],
      [3, 4],
    ],
    ours: (a, b) => t.gemm(a, b),
    theirs: (a, b) => tf.matMul(a, b),
  },
  {
    name: 'gemm, A transposed',
    shapes: [
      [3, 2],
      [3, 4],
    ],
    ours: (a, b) => t.gemm(a, b, { transA: true }),
    theirs: (a, b) => tf.matMul(a, b, true),
  },
  {
    name: 'gemm, B transposed',
    shapes: [
      [2, 3],
      [4, 3],
    ],
    ours: (a, b) => t.gemm(a, b, { transB: true }),
    theirs: (a, b) => tf.matMul(a, b, false, true),
  },
  {
    name: 'gemm, both transposed',
    shapes: [
      [3, 2],
      [4, 3],
    ],
    ours: (a, b) => t.gemm(a, b, { transA: true, transB: true }),
    theirs: (a, b) => tf.matMul(a, b, true, true),
  },
  {
    name: 'linear',
    shapes: [[2, 3], [3, 4], [4]],
    ours: (x, w, b) => t.linear(x, w, { bias: b }),
    theirs: (x, w, b) => tf.add(tf.matMul(x, w), b),
  },
  {
    name: 'matmul of stacks',
    shapes: [
      [2, 2, 3],
      [2, 3, 2],
    ],
    ours: t.matmul,
    theirs: (a, b) => tf.matMul(a, b),
  },
  {
    name: 'matmul of a stack with one matrix',
    shapes: [
      [2, 2, 3],
      [3, 2],
    ],
    ours: t.matmul,
    theirs: (a, b) => tf.reshape(tf.matMul(tf.reshape(a, [4, 3]), b), [2, 2, 2]),
  },
  {
    name: 'matmul, one matrix with a stack',
    shapes: [
      [2, 3],
      [2, 3, 2],
    ],
    ours: t.matmul,
    theirs: (a, b) => tf.matMul(tf.tile(tf.expandDims(a, 0), [2, 1, 1]), b),
  },
  { name: 'reshape', shapes: [[2, 3]], ours: (x) => t.reshape(x, [3, -1]), theirs: (x) => tf.reshape(x, [3, 2]) },
  {
    name: 'transpose',
    shapes: [[2, 3, 2]],
    ours: (x) => t.transpose(x, [1, 2, 0]),
    theirs: (x) => tf.transpose(x, [1, 2, 0]),
  },
  {
    name: 'expand',
    shapes: [[2, 1]],
    ours: (x) => t.expand(x, [3, 2, 4]),
    theirs: (x) => tf.broadcastTo(x, [3, 2, 4]),
  },
  {
    name: 'concat',
    shapes: [
      [2, 1],
      [2, 3],
    ],
    ours: (a, b) => t.concat([a, b], 1),
    theirs: (a, b) => tf.concat([a, b], 1),
  },
  {
    name: 'split',
    shapes: [[2, 5]],
    ours: (x) => t.mul(...(t.split(t.slice(x, { start: 0, end: 4 }, 1), [2, 2], 1) as [t.Tensor, t.Tensor])),
    theirs: (x) => tf.mul(tf.slice(x, [0, 0], [2, 2]), tf.slice(x, [0, 2], [2, 2])),
  },
  {
    name: 'slice',
    shapes: [[5, 2]],
    ours: (x) => t.slice(x, { start: 1, end: -1 }),
    theirs: (x) => tf.slice(x, [1, 0], [3, 2]),
  },
  {
    name: 'pad',
    shapes: [[2, 2]],
    ours: (x) => t.exp(t.pad(x, { axis: 1, before: 1, after: 2 })),
    theirs: (x) =>
      tf.exp(
        tf.pad(x, [
          [0, 0],
          [1, 2],
        ]),
      ),
  },
  {
    name: 'shift up',
    shapes: [[4, 2]],
    ours: (x) => t.shift(x, 1),
    theirs: (x) =>
      tf.pad(tf.slice(x, [1, 0], [3, 2]), [
        [0, 1],
        [0, 0],
      ]),
  },
  {
    name: 'shift down',
    shapes: [[4, 2]],
    ours: (x) => t.shift(x, -3),
    theirs: (x) =>
      tf.pad(tf.slice(x, [0, 0], [1, 2]), [
        [3, 0],
        [0, 0],
      ]),
  },
  {
    name: 'reduceSum of an axis',
    shapes: [[2, 3, 2]],
    ours: (x) => t.reduceSum(x, { axes: [1] }),
    theirs: (x) => tf.sum(x, 1),
  },
  {
    name: 'reduceSum of all',
    shapes: [[2, 3]],
    ours: (x) => t.square(t.reduceSum(x)),
    theirs: (x) => tf.square(tf.sum(x)),
  },
  {
    name: 'reduceMean of two axes',
    shapes: [[2, 3, 2]],
    ours: (x) => t.reduceMean(x, { axes: [0, -1] }),
    theirs: (x) => tf.mean(x, [0, 2]),
  },
  {
    name: 'reduceMean, axes kept',
    shapes: [[2, 3]],
    ours: (x) => t.mul(x, t.reduceMean(x, { axes: [1], keepDims: true })),
    theirs: (x) => tf.mul(x, tf.mean(x, 1, true)),
  },
  { name: 'reduceMax', shapes: [[3, 4]], ours: (x) => t.reduceMax(x, { axes: [1] }), theirs: (x) => tf.max(x, 1) },
  {
    name: 'the sum of a broadcast sum',
    shapes: [[2, 1], [3]],
    ours: (a, b) => t.reduceSum(t.add(a, b)),
    theirs: (a, b) => tf.sum(tf.add(a, b)),
  },
  {
    name: 'reduceMin',
    shapes: [[3, 4]],
    ours: (x) => t.reduceMin(x, { axes: [0], keepDims: true }),
    theirs: (x) => tf.min(x, 0, true),
  },
  { name: 'softmax', shapes: [[2, 3]], ours: t.softmax, theirs: (x) => tf.softmax(x) },
  { name: 'logSoftmax', shapes: [[2, 3]], ours: (x) => t.logSoftmax(x), theirs: (x) => tf.logSoftmax(x) },
  {
    name: 'logSoftmax of the first axis',
    shapes: [[3, 2]],
    ours: (x) => t.logSoftmax(x, 0),
    theirs: (x) => tf.transpose(tf.logSoftmax(tf.transpose(x))),
  },
  {
    name: 'gather of repeated rows',
    shapes: [[3, 2]],
    ours: (x) => t.gather(x, rows),
    theirs: (x) => tf.gather(x, tfRows()),
  },
  {
    name: 'takeAlongLastAxis',
    shapes: [[3, 4]],
    ours: (x) => t.takeAlongLastAxis(x, picks),
    theirs: (x) => tf.sum(tf.mul(x, tf.oneHot(tf.tensor1d([1, 3, 0], 'int32'), 4)), 1),
  },
  { name: 'elu', shapes: [[2, 3]], ours: t.elu, theirs: (x) => tf.elu(x) },
  { name: 'silu', shapes: [[2, 3]], ours: t.silu, theirs: (x) => tf.mul(x, tf.sigmoid(x)) },
  {
    name: 'stopGradient',
    shapes: [[2, 3]],
    ours: (x) => t.mul(x, t.stopGradient(x)),
    theirs: (x) => tf.mul(x, tf.tensor(x.dataSync(), x.shape)),
  },
  conv('conv2d', { stride: [1, 1], pads: [0, 0, 0, 0], image: 4 }),
  conv('conv2d, strided and padded', { stride: [2, 1], pads: [1, 0, 1, 1], image: 4 }),
  convLast('conv2dLast, a block of two', { stride: [1, 1], pads: [0, 0, 0, 0], image: [5, 5], filters: 2 }),
  convLast('conv2dLast, strided and padded', { stride: [2, 1], pads: [1, 0, 1, 1], image: [4, 4], filters: 3 }),
  convLast('conv2dLast, stride leaves a rest', { stride: [2, 2], pads: [0, 0, 0, 0], image: [6, 7], filters: 1 }),
  convLast('conv2dLast, one result a line', { stride: [1, 1], pads: [0, 0, 0, 0], image: [4, 2], filters: 70 }),
  {
    name: 'conv2dLast, limited below by 0',
    shapes: [[2, 3, 4, 2], [2, 2, 2, 3], [3]],
    // Far from the kink: the second filter is limited everywhere, the others nowhere.
    ours: (x, w, b) => t.conv2dLast(x, w, { bias: t.add(b, t.constant(t.float32([30, -30, 30]))), relu: true }),
    theirs: (x, w, b) => {
      const sums = tf.conv2d(x as tfjs.Tensor4D, w as tfjs.Tensor4D, 1, 'valid')
      return tf.relu(tf.add(sums, tf.add(b, tf.tensor1d([30, -30, 30]))))
    },
  },
  conv('conv2d, stride leaves a rest', { stride: [2, 2], pads: [0, 0, 0, 0], image: 6 }),
]

import { defineOp, type Make, type Tensor } from '../graph.ts'
import type { Tf, TfTensor } from '../engines/tf.ts'
import { graphError, sizeOf, type Dim } from '../shapes.ts'
import { add } from './arithmetic.ts'
import { reshape } from './shape.ts'
import { tfConvLast } from './tfConv.ts'

export interface ConvOptions {
  /** [vertical, horizontal], 1 if not given. */
  readonly strides?: readonly [number, number]
  /** Zeros at top, left, bottom and right, 0 if not given. */
  readonly pads?: readonly [number, number, number, number]
  readonly dilations?: readonly [number, number]
}

type Conv = Required<ConvOptions>
type Four<T> = readonly [T, T, T, T]

// The three operators below are one trilinear form, so their gradients are each other and they can be differentiated again.
const convOp: Make<Conv> = defineOp<Conv>({
  name: 'conv2d',
  infer: (options, x: Tensor, w: Tensor) => {
    const [n, c, h, wide] = four('conv2d', x)
    const [out, c2, kh, kw] = four('conv2d', w)
    if (c !== c2) throw graphError('conv2d', `input has ${c} channels, the kernel ${c2}`, [x.shape, w.shape])
    const rows = outLength(options, 0, [h, kh])
    const columns = outLength(options, 1, [wide, kw])
    if (rows < 1 || columns < 1) throw graphError('conv2d', 'the kernel is larger than the input', [x.shape, w.shape])
    return { shape: [n, out, rows, columns], dtype: 'float32' }
  },
  onnx: (emit, { attributes: a }, x: string, w: string) =>
    emit.node('Conv', [x, w], { strides: a.strides, pads: a.pads, dilations: a.dilations }),
  tf: (tf, { attributes: a }, x: TfTensor, w: TfTensor) => tfConv(tf, a)(x, w),
  gradient: ({ attributes: a }, g, x: Tensor, w: Tensor) => [convInputOp(a, g, w, x), convWeightOp(a, x, g, w)],
})

/** What the input [N, C, H, W] of a convolution gets from the result's `g` and the kernel; `like` only gives the shape. */
const convInputOp: Make<Conv> = defineOp<Conv>({
  name: 'conv2dInput',
  infer: (_options, _g, _w, like: Tensor) => like,
  onnx: (emit, node, g: string, w: string) => {
    const { strides, pads, dilations } = node.attributes
    const [, , rows, columns] = four('conv2dInput', node)
    const [, , kh, kw] = four('conv2dInput', node.inputs[1] as Tensor)
    const missing = (size: number, k: number, axis: 0 | 1) =>
      (size + pads[axis] + pads[(axis + 2) as 2 | 3] - dilations[axis] * (k - 1) - 1) % strides[axis]
    return emit.node('ConvTranspose', [g, w], {
      strides,
      pads,
      dilations,
      output_padding: [missing(known(rows), known(kh), 0), missing(known(columns), known(kw), 1)],
    })
  },
  tf: (tf, { attributes: a }, g: TfTensor, w: TfTensor, like: TfTensor) =>
    tf.grads(tfConv(tf, a))([like, w], g)[0] as TfTensor,
  gradient: ({ attributes: a }, h, g: Tensor, w: Tensor) => [convOp(a, h, w), convWeightOp(a, h, g, w), undefined],
})

/** What the kernel [out, C, kh, kw] of a convolution gets from its input and the result's `g`; `like` only gives the shape. */
const convWeightOp: Make<Conv> = defineOp<Conv>({
  name: 'conv2dWeight',
  infer: (_options, _x, _g, like: Tensor) => like,
  // A convolution of the batch's images with the gradients as kernels: batch and channels change places, stride and dilation too.
  onnx: (emit, node, x: string, g: string) => {
    const { strides, pads, dilations } = node.attributes
    const [, , kh, kw] = four('conv2dWeight', node)
    const swapped = [x, g].map((name) => emit.node('Transpose', [name], { perm: [1, 0, 2, 3] }))
    const all = emit.node('Conv', swapped, { strides: dilations, dilations: strides, pads })
    const kept = emit.node('Slice', [all, emit.ints([0, 0]), emit.ints([known(kh), known(kw)]), emit.ints([2, 3])])
    return emit.node('Transpose', [kept], { perm: [1, 0, 2, 3] })
  },
  tf: (tf, { attributes: a }, x: TfTensor, g: TfTensor, like: TfTensor) =>
    tf.grads(tfConv(tf, a))([x, like], g)[1] as TfTensor,
  gradient: ({ attributes: a }, h, x: Tensor, g: Tensor) => [convInputOp(a, g, h, x), convOp(a, x, h), undefined],
})

/** Convolution (correlation) of x [N, C, H, W] with w [out, C, kh, kw], and a bias [out] if there is one: [N, out, H', W']. */
export function conv2d(
  x: Tensor,
  w: Tensor,
  { bias, ...options }: ConvOptions & { readonly bias?: Tensor } = {},
): Tensor {
  const y = convOp({ strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], ...options }, x, w)
  return bias ? add(y, reshape(bias, [-1, 1, 1])) : y
}

function four(op: string, x: Tensor): Four<Dim> {
  if (x.shape.length !== 4 || x.dtype !== 'float32') throw graphError(op, 'wants four axes of float32', [x.shape])
  return x.shape as Four<Dim>
}

const known = (dim: Dim): number => sizeOf([dim], 'conv2d')

function outLength({ strides, pads, dilations }: Conv, axis: 0 | 1, [size, kernel]: [Dim, Dim]): number {
  const room = known(size) + pads[axis] + pads[(axis + 2) as 2 | 3] - dilations[axis] * (known(kernel) - 1) - 1
  return Math.floor(room / strides[axis]) + 1
}

/** TensorFlow.js convolves channels-last on every backend, channels-first on some. */
const tfConv =
  (tf: Tf, options: Conv) =>
  (x: TfTensor, w: TfTensor): TfTensor => {
    const y = tfConvLast(tf, options)(tf.transpose(x, [0, 2, 3, 1]), tf.transpose(w, [2, 3, 1, 0]))
    return tf.transpose(y, [0, 3, 1, 2])
  }

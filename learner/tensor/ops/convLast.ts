import { defineOp, type Make, type Tensor } from '../graph.ts'
import type { Emitter } from '../onnx/emitter.ts'
import type { TfTensor } from '../engines/tf.ts'
import { graphError, type Dim } from '../shapes.ts'
import { band, geometry, repeated, unband, windows, type Conv } from './convWindows.ts'
import { greater, where } from './logic.ts'
import { tfConvLast } from './tfConv.ts'

export interface ConvLastOptions {
  /** [vertical, horizontal], 1 if not given. */
  readonly strides?: readonly [number, number]
  /** Zeros at top, left, bottom and right, 0 if not given. */
  readonly pads?: readonly [number, number, number, number]
}

/** With `relu` the result is limited below by 0, which costs nothing in the product. */
type Forward = Conv & { readonly relu: boolean }

/**
 * The runtime's own convolution, for a published policy: it lays out and blocks kernels that are constants when a model is opened,
 * which a kernel that is fed does not allow, and is a quarter to a third faster then.
 */
function ownConvolution(
  emit: Emitter,
  { strides, pads, relu }: Forward,
  [image = '', kernel = '', ...bias]: string[],
): string {
  const first = emit.node('Transpose', [image], { perm: [0, 3, 1, 2] })
  const filters = emit.node('Transpose', [kernel], { perm: [3, 2, 0, 1] })
  const sums = emit.node('Conv', [first, filters, ...bias], { strides, pads })
  return emit.node('Transpose', [relu ? emit.node('Relu', [sums]) : sums], { perm: [0, 2, 3, 1] })
}

// The three operators below are one trilinear form, so their gradients are each other and they can be differentiated again.
const convOp: Make<Forward> = defineOp<Forward>({
  name: 'conv2dLast',
  infer: (options, x: Tensor, w: Tensor, ...bias: Tensor[]) => {
    const shapes = [x, w, ...bias].map((y) => y.shape)
    if (x.shape.length !== 4 || w.shape.length !== 4) throw graphError('conv2dLast', 'wants four axes each', shapes)
    if ([x, w, ...bias].some((y) => y.dtype !== 'float32')) throw graphError('conv2dLast', 'wants float32', shapes)
    if (x.shape[3] !== w.shape[2])
      throw graphError('conv2dLast', `input has ${x.shape[3]} channels, the kernel ${w.shape[2]}`, shapes)
    const { out, filters } = geometry(options, x, w)
    if (out[0] < 1 || out[1] < 1) throw graphError('conv2dLast', 'the kernel is larger than the input', shapes)
    if (bias.some((b) => b.shape.length !== 1 || b.shape[0] !== filters))
      throw graphError('conv2dLast', `the bias is not [${filters}]`, shapes)
    return { shape: [x.shape[0] as Dim, ...out, filters], dtype: 'float32' }
  },
  onnx: (emit, { attributes: a, inputs: [x, w] }, ...args: string[]) => {
    const g = geometry(a, x as Tensor, w as Tensor)
    const [image = '', kernel = '', bias] = args
    if (w?.op.name === 'parameter') return ownConvolution(emit, a, args)
    const factors = [windows(emit, image, a, g), band(emit, kernel, g)]
    const product = emit.node('Gemm', bias === undefined ? factors : [...factors, repeated(emit, bias, g.block)])
    const limited = a.relu ? emit.node('Relu', [product]) : product
    return emit.node('Reshape', [limited, emit.ints([-1, ...g.out, g.filters])])
  },
  tf: (tf, { attributes: a }, x: TfTensor, w: TfTensor, ...bias: TfTensor[]) => {
    const y = tfConvLast(tf, a)(x, w)
    const sums = bias[0] ? tf.add(y, bias[0]) : y
    return a.relu ? tf.relu(sums) : sums
  },
  gradient: (node, g, x: Tensor, w: Tensor, ...bias: Tensor[]) => {
    const { relu, ...a } = node.attributes
    const passed = relu ? where(greater(node, 0), g, 0) : g
    return [convInputOp(a, passed, w, x), convWeightOp(a, x, passed, w), ...bias.map(() => passed)]
  },
})

const plain = (a: Conv, x: Tensor, w: Tensor): Tensor => convOp({ ...a, relu: false }, x, w)

/** What the input [N, H, W, C] of a convolution gets from the result's `g` and the kernel; `like` only gives the shape. */
const convInputOp: Make<Conv> = defineOp<Conv>({
  name: 'conv2dLastInput',
  infer: (_options, _g, _w, like: Tensor) => like,
  onnx: (emit, { attributes: { strides, pads }, inputs: [, w, like] }, g: string, kernel: string) => {
    const { image, kernel: size } = geometry({ strides, pads }, like as Tensor, w as Tensor)
    const rest = [0, 1].map((i) => ((image[i] ?? 0) - (size[i] ?? 0)) % (strides[i] ?? 1))
    const first = emit.node('Transpose', [g], { perm: [0, 3, 1, 2] })
    const filters = emit.node('Transpose', [kernel], { perm: [3, 2, 0, 1] })
    const spread = emit.node('ConvTranspose', [first, filters], { strides, pads, output_padding: rest })
    return emit.node('Transpose', [spread], { perm: [0, 2, 3, 1] })
  },
  tf: (tf, { attributes: a }, g: TfTensor, w: TfTensor, like: TfTensor) =>
    tf.grads(tfConvLast(tf, a))([like, w], g)[0] as TfTensor,
  gradient: ({ attributes: a }, h, g: Tensor, w: Tensor) => [plain(a, h, w), convWeightOp(a, h, g, w), undefined],
})

/** What the kernel [kh, kw, C, F] of a convolution gets from its input and the result's `g`; `like` only gives the shape. */
const convWeightOp: Make<Conv> = defineOp<Conv>({
  name: 'conv2dLastWeight',
  infer: (_options, _x, _g, like: Tensor) => like,
  onnx: (emit, { attributes: a, inputs: [x, , like] }, image: string, g: string) => {
    const shape = geometry(a, x as Tensor, like as Tensor)
    const rows = emit.node('Reshape', [g, emit.ints([-1, shape.block * shape.filters])])
    return unband(emit, emit.node('Gemm', [windows(emit, image, a, shape), rows], { transA: 1 }), shape)
  },
  tf: (tf, { attributes: a }, x: TfTensor, g: TfTensor, like: TfTensor) =>
    tf.grads(tfConvLast(tf, a))([x, like], g)[1] as TfTensor,
  gradient: ({ attributes: a }, h, x: Tensor, g: Tensor) => [convInputOp(a, g, h, x), plain(a, x, h), undefined],
})

/**
 * Convolution (correlation) of images with channels last: x [N, H, W, C] with w [kh, kw, C, F], and a bias [F] if there is one,
 * gives [N, H', W', F], limited below by 0 with `relu`. The result and the kernel's gradient are one matrix product each, over one copy of the windows.
 */
export function conv2dLast(
  x: Tensor,
  w: Tensor,
  options: ConvLastOptions & { readonly bias?: Tensor; readonly relu?: boolean } = {},
): Tensor {
  const { bias, relu = false, strides = [1, 1], pads = [0, 0, 0, 0] } = options
  return convOp({ strides, pads, relu }, x, w, ...(bias ? [bias] : []))
}

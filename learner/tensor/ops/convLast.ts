import { defineOp, type Make, type Tensor } from '../graph.ts'
import { int32, type HostTensor } from '../host.ts'
import type { Emitter } from '../onnx/emitter.ts'
import type { Tf, TfPadding, TfTensor } from '../engines/tf.ts'
import { graphError, sizeOf, type Dim } from '../shapes.ts'
import { greater, where } from './logic.ts'

export interface ConvLastOptions {
  /** [vertical, horizontal], 1 if not given. */
  readonly strides?: readonly [number, number]
  /** Zeros at top, left, bottom and right, 0 if not given. */
  readonly pads?: readonly [number, number, number, number]
}

type Conv = Required<ConvLastOptions>

/** With `relu` the result is limited below by 0, which costs nothing in the product. */
type Forward = Conv & { readonly relu: boolean }

/**
 * How a convolution becomes one matrix product. A row of the left matrix is a window of the image that covers `block` neighbouring
 * results of one line, `wide` columns; the kernel becomes a band matrix [kh wide C, block F] with zeros where a column is
 * outside a result's own kernel. `block` is 1 for many filters. For few filters and channels, copying the windows costs more
 * than multiplying zeros, and a larger `block` copies less.
 */
interface Geometry {
  readonly kernel: readonly [number, number]
  readonly channels: number
  readonly filters: number
  /** Of the padded image. */
  readonly image: readonly [number, number]
  readonly out: readonly [number, number]
  readonly strides: readonly [number, number]
  readonly block: number
  readonly wide: number
}

const known = (dim: Dim | undefined): number => sizeOf([dim ?? 0], 'conv2dLast')

function geometry({ strides, pads }: Conv, x: Tensor, w: Tensor): Geometry {
  const [, height, width, channels] = x.shape
  const [kh, kw, , filters] = w.shape
  const image = [known(height) + pads[0] + pads[2], known(width) + pads[1] + pads[3]] as const
  const kernel = [known(kh), known(kw)] as const
  const rows = Math.floor((image[0] - kernel[0]) / strides[0]) + 1
  const columns = Math.floor((image[1] - kernel[1]) / strides[1]) + 1
  const whole = {
    kernel,
    channels: known(channels),
    filters: known(filters),
    image,
    out: [rows, columns],
    strides,
  } as const
  const choices = range(Math.max(1, columns))
    .map((i) => i + 1)
    .filter((block) => block === 1 || columns % block === 0)
    .map((block): Geometry => ({ ...whole, block, wide: (block - 1) * strides[1] + kernel[1] }))
  return choices.reduce((best, g) => (nanoseconds(g) < nanoseconds(best) ? g : best))
}

/**
 * About what an image costs forward and in the kernel's gradient: 8 ns a run that is copied, 0.6 ns a number in it, and two products at
 * 40 GFLOP/s (measured with onnxruntime 1.30 on one core). It only has to order the choices of `block`.
 */
function nanoseconds(g: Geometry): number {
  const rows = g.out[0] * (g.out[1] / g.block)
  const numbers = g.kernel[0] * g.wide * g.channels
  const copies = (g.kernel[0] * g.wide) / runOf(g)
  return rows * (copies * 8 + numbers * (0.6 + (4 * g.block * g.filters) / 40))
}

/** Columns in the longest run that no window cuts: every window begins at a multiple of it. */
function runOf({ out, block, wide, image, strides }: Geometry): number {
  const common = gcd(wide, image[1])
  return out[1] === block ? common : gcd(block * strides[1], common)
}

const index = (values: readonly number[], shape: readonly number[]): HostTensor => int32(values, shape)
const range = (length: number): number[] => Array.from({ length }, (_, i) => i)
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** [N rows blocks, kh wide C]: one Gather copies whole runs of columns. */
function windows(emit: Emitter, x: string, { pads, strides }: Conv, g: Geometry): string {
  const [kh] = g.kernel
  const [rows, columns] = g.out
  const step = g.block * strides[1]
  const run = runOf(g)
  const [runsPerLine, runsPerWindow] = [g.image[1] / run, g.wide / run]
  const places = range(rows).flatMap((y) =>
    range(columns / g.block).flatMap((b) =>
      range(kh).flatMap((dy) =>
        range(runsPerWindow).map((r) => (y * strides[0] + dy) * runsPerLine + (b * step) / run + r),
      ),
    ),
  )
  const key = `windows ${x} ${pads.join()} ${strides.join()} ${kh} ${g.wide} ${g.block}`
  return emit.once(key, () => {
    const padded = pads.some((p) => p > 0)
      ? emit.node('Pad', [x, emit.ints([0, pads[0], pads[1], 0, 0, pads[2], pads[3], 0])])
      : x
    const runs = emit.node('Reshape', [padded, emit.ints([-1, g.image[0] * runsPerLine, run * g.channels])])
    const taken = emit.node('Gather', [runs, emit.tensor(index(places, [places.length]))], { axis: 1 })
    return [emit.node('Reshape', [taken, emit.ints([-1, kh * g.wide * g.channels])])]
  })[0] as string
}

/** The kernel [kh, kw, C, F] as a band matrix [kh wide C, block F]. */
function band(emit: Emitter, w: string, g: Geometry): string {
  const [kh, kw] = g.kernel
  const rows = kh * g.wide * g.channels
  if (g.block === 1) return emit.node('Reshape', [w, emit.ints([rows, g.filters])])
  const zeros = emit.node('Pad', [w, emit.ints([0, 0, 0, 0, 0, 1, 0, 0])])
  const places = range(g.wide).flatMap((ix) =>
    range(g.block).map((o) => {
      const dx = ix - o * g.strides[1]
      return dx >= 0 && dx < kw ? dx : kw
    }),
  )
  const spread = emit.node('Gather', [zeros, emit.tensor(index(places, [g.wide, g.block]))], { axis: 1 })
  const ordered = emit.node('Transpose', [spread], { perm: [0, 1, 3, 2, 4] })
  return emit.node('Reshape', [ordered, emit.ints([rows, g.block * g.filters])])
}

/** Back from the gradient of a band matrix to that of the kernel: each weight is the sum of the `block` places where it stands. */
function unband(emit: Emitter, banded: string, g: Geometry): string {
  const [kh, kw] = g.kernel
  const { channels, filters, block, wide } = g
  if (block === 1) return emit.node('Reshape', [banded, emit.ints([kh, kw, channels, filters])])
  const cube = emit.node('Reshape', [banded, emit.ints([kh, wide, channels, block, filters])])
  const places = emit.node('Transpose', [cube], { perm: [1, 3, 0, 2, 4] })
  const lines = emit.node('Reshape', [places, emit.ints([wide * block, kh * channels * filters])])
  const own = range(kw).flatMap((dx) => range(block).map((o) => (dx + o * g.strides[1]) * block + o))
  const taken = emit.node('Gather', [lines, emit.tensor(index(own, [kw, block]))], { axis: 0 })
  const summed = emit.node('ReduceSum', [taken, emit.ints([1])], { keepdims: 0 })
  const kernel = emit.node('Reshape', [summed, emit.ints([kw, kh, channels, filters])])
  return emit.node('Transpose', [kernel], { perm: [1, 0, 2, 3] })
}

/** A bias [F] for every result of a block, [block F]. */
const repeated = (emit: Emitter, bias: string, block: number): string =>
  block === 1 ? bias : emit.node('Concat', Array.from<string>({ length: block }).fill(bias), { axis: 0 })

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
    const factors = [windows(emit, image, a, g), band(emit, kernel, g)]
    const product = emit.node('Gemm', bias === undefined ? factors : [...factors, repeated(emit, bias, g.block)])
    const limited = a.relu ? emit.node('Relu', [product]) : product
    return emit.node('Reshape', [limited, emit.ints([-1, ...g.out, g.filters])])
  },
  tf: (tf, { attributes: a }, x: TfTensor, w: TfTensor, ...bias: TfTensor[]) => {
    const y = tfConv(tf, a)(x, w)
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
    tf.grads(tfConv(tf, a))([like, w], g)[0] as TfTensor,
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
    tf.grads(tfConv(tf, a))([x, like], g)[1] as TfTensor,
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

const tfConv =
  (tf: Tf, { strides, pads: [top, left, bottom, right] }: Conv) =>
  (x: TfTensor, w: TfTensor): TfTensor => {
    const padding: TfPadding = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]
    return tf.conv2d(tf.pad(x, padding), w, [...strides], 'valid', 'NHWC', [1, 1])
  }

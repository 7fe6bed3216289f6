import { defineOp, type Tensor } from '../graph.ts'
import type { TfTensor } from '../engines/tf.ts'
import { broadcastShapes, graphError, sameShape, type Dim, type Shape } from '../shapes.ts'
import { reshape, transpose } from './shape.ts'

export interface GemmOptions {
  readonly transA?: boolean
  readonly transB?: boolean
}

const gemmOp = defineOp<Required<GemmOptions>>({
  name: 'gemm',
  infer: ({ transA, transB }, a: Tensor, b: Tensor, ...bias: Tensor[]) => {
    const shapes = [a, b, ...bias].map((x) => x.shape)
    if (a.shape.length !== 2 || b.shape.length !== 2) throw graphError('gemm', 'wants two matrices', shapes)
    const [m, k] = (transA ? a.shape.toReversed() : a.shape) as [Dim, Dim]
    const [k2, n] = (transB ? b.shape.toReversed() : b.shape) as [Dim, Dim]
    if (k !== k2) throw graphError('gemm', `inner dimensions ${k} and ${k2} differ`, shapes)
    for (const c of bias) {
      if (!sameShape(broadcastShapes('gemm', c.shape, [m, n]), [m, n]))
        throw graphError('gemm', 'the bias does not fit', shapes)
    }
    if ([a, b, ...bias].some((x) => x.dtype !== 'float32')) throw graphError('gemm', 'wants float32', shapes)
    return { shape: [m, n], dtype: 'float32' }
  },
  onnx: (emit, { attributes: { transA, transB } }, ...args: string[]) =>
    emit.node('Gemm', args, { transA: Number(transA), transB: Number(transB) }),
  tf: (tf, { attributes: { transA, transB } }, a: TfTensor, b: TfTensor, ...bias: TfTensor[]) => {
    const product = tf.matMul(a, b, transA, transB)
    return bias[0] ? tf.add(product, bias[0]) : product
  },
  gradient: ({ attributes: { transA, transB } }, g, a: Tensor, b: Tensor, ...bias: Tensor[]) => [
    transA ? gemm(b, g, { transA: transB, transB: true }) : gemm(g, b, { transB: !transB }),
    transB ? gemm(g, a, { transA: true, transB: transA }) : gemm(a, g, { transA: !transA }),
    ...bias.map(() => g),
  ],
})

/** A B, of matrices [M, K] and [K, N], each transposed first if so told. */
export const gemm = (a: Tensor, b: Tensor, { transA = false, transB = false }: GemmOptions = {}): Tensor =>
  gemmOp({ transA, transB }, a, b)

/** x W + b for x [N, in], W [in, out] ([out, in] with `transposed`), b [out]. */
export const linear = (
  x: Tensor,
  weight: Tensor,
  { bias, transposed = false }: { bias?: Tensor; transposed?: boolean } = {},
): Tensor => gemmOp({ transA: false, transB: transposed }, x, weight, ...(bias ? [bias] : []))

const matmulOp = defineOp<null>({
  name: 'matmul',
  infer: (_, a: Tensor, b: Tensor) => {
    const shapes: Shape[] = [a.shape, b.shape]
    if (a.shape.length < 2 || b.shape.length < 2) throw graphError('matmul', 'wants matrices or stacks of them', shapes)
    if (a.dtype !== 'float32' || b.dtype !== 'float32') throw graphError('matmul', 'wants float32', shapes)
    const [m, k] = a.shape.slice(-2) as [Dim, Dim]
    const [k2, n] = b.shape.slice(-2) as [Dim, Dim]
    if (k !== k2) throw graphError('matmul', `inner dimensions ${k} and ${k2} differ`, shapes)
    return { shape: [...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n], dtype: 'float32' }
  },
  onnx: (emit, _, a: string, b: string) => emit.node('MatMul', [a, b]),
  tf: (tf, _, a: TfTensor, b: TfTensor) => tf.matMul(a, b),
  gradient: (_, g, a: Tensor, b: Tensor) => [matmul(g, swapLast(b)), matmul(swapLast(a), g)],
})

function swapLast(x: Tensor): Tensor {
  const axes = x.shape.map((_, i) => i)
  return transpose(x, [...axes.slice(0, -2), ...axes.slice(-2).toReversed()])
}

/** The matrix product over the last two axes, leading ones broadcast; a single matrix on the right becomes one large product. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (b.shape.length !== 2 || a.shape.length < 2) return matmulOp(null, a, b)
  if (a.shape.length === 2) return gemm(a, b)
  const rows = reshape(a, [-1, a.shape.at(-1) as Dim])
  return reshape(gemm(rows, b), [...a.shape.slice(0, -1), b.shape[1] as Dim])
}

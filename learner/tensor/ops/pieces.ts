import { defineOp, type Tensor } from '../graph.ts'
import { allocate } from '../host.ts'
import type { TfTensor } from '../engines/tf.ts'
import { addDims, graphError, isStatic, normalizeAxis, sizeOf, type Dim } from '../shapes.ts'
import { constant } from './sources.ts'

const concatOp = defineOp<{ axis: number }>({
  name: 'concat',
  infer: ({ axis }, ...xs: Tensor[]) => {
    const [first] = xs
    const shapes = xs.map((x) => x.shape)
    if (!first) throw graphError('concat', 'wants at least one tensor')
    for (const x of xs) {
      const fits = x.dtype === first.dtype && x.shape.length === first.shape.length
      if (!fits || x.shape.some((d, i) => i !== axis && d !== first.shape[i])) {
        throw graphError('concat', `types and all axes but ${axis} must agree`, shapes)
      }
    }
    return {
      shape: first.shape.map((d, i) => (i === axis ? addDims(shapes.map((s) => s[axis] as Dim)) : d)),
      dtype: first.dtype,
    }
  },
  onnx: (emit, node, ...xs: string[]) => emit.node('Concat', xs, { axis: node.attributes.axis }),
  tf: (tf, node, ...xs: TfTensor[]) => tf.concat(xs, node.attributes.axis),
  gradient: ({ attributes: { axis } }, g, ...xs: Tensor[]) =>
    split(
      g,
      xs.map((x) => sizeOf([x.shape[axis] as Dim], 'gradient of concat')),
      axis,
    ),
})

/** Joined along an axis. */
export function concat(xs: readonly Tensor[], axis = 0): Tensor {
  const [first] = xs
  if (!first) throw graphError('concat', 'wants at least one tensor')
  return xs.length === 1 ? first : concatOp({ axis: normalizeAxis('concat', axis, first.shape) }, ...xs)
}

interface PartAttributes {
  readonly sizes: readonly number[]
  readonly index: number
  readonly axis: number
}

const partOp = defineOp<PartAttributes>({
  name: 'part',
  infer: ({ sizes, index, axis }, x: Tensor) => ({
    shape: x.shape.map((d, i) => (i === axis ? (sizes[index] as number) : d)),
    dtype: x.dtype,
  }),
  // The parts of one tensor come out of one Split.
  onnx: (emit, { attributes: { sizes, index, axis } }, x: string) =>
    emit.once(`split ${x} ${axis} ${sizes.join()}`, () =>
      emit.nodeOf('Split', [x, emit.ints(sizes)], { outputs: sizes.length, attributes: { axis } }),
    )[index] as string,
  tf: (tf, { attributes: { sizes, index, axis } }, x: TfTensor) => {
    const start = sizes.slice(0, index).reduce((a, b) => a + b, 0)
    const begin = x.shape.map((_, i) => (i === axis ? start : 0))
    return tf.slice(
      x,
      begin,
      x.shape.map((d, i) => (i === axis ? (sizes[index] as number) : d)),
    )
  },
  gradient: ({ attributes: { sizes, index, axis } }, g) => {
    const before = sizes.slice(0, index).reduce((a, b) => a + b, 0)
    const after = sizes.slice(index + 1).reduce((a, b) => a + b, 0)
    return [pad(g, { axis, before, after })]
  },
})

/** Cut along an axis into parts of the given lengths, which add up to its own. @throws MillraceError E_GRAPH */
export function split(x: Tensor, sizes: readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis('split', axis, x.shape)
  const total = sizes.reduce((a, b) => a + b, 0)
  if (x.shape[at] !== total)
    throw graphError('split', `parts [${sizes.join()}] do not add up to axis ${axis}`, [x.shape])
  return sizes.length === 1 ? [x] : sizes.map((_, index) => partOp({ sizes, index, axis: at }, x))
}

/** Rows `start` … `end` - 1 of an axis; negative numbers count from its end. @throws MillraceError E_GRAPH */
export function slice(x: Tensor, range: { start: number; end: number }, axis = 0): Tensor {
  const at = normalizeAxis('slice', axis, x.shape)
  const length = sizeOf([x.shape[at] as Dim], 'slice')
  const start = range.start < 0 ? range.start + length : range.start
  const end = range.end < 0 ? range.end + length : range.end
  if (!(start >= 0 && start < end && end <= length)) {
    throw graphError('slice', `no rows ${range.start} to ${range.end} along axis ${axis}`, [x.shape])
  }
  const sizes = [start, end - start, length - end]
  const kept = sizes.filter((n) => n > 0)
  return split(x, kept, at)[start > 0 ? 1 : 0] as Tensor
}

const padOp = defineOp<{ axis: number; before: number; after: number }>({
  name: 'pad',
  infer: ({ axis, before, after }, x: Tensor) => {
    if (x.dtype !== 'float32') throw graphError('pad', `wants float32, got ${x.dtype}`, [x.shape])
    return { shape: x.shape.map((d, i) => (i === axis ? addDims([d, before + after]) : d)), dtype: 'float32' }
  },
  onnx: (emit, { attributes: { axis, before, after }, shape }, x: string) => {
    const along = (rows: number) => shape.map((_, i) => (i === axis ? rows : 0))
    return emit.node('Pad', [x, emit.ints([...along(before), ...along(after)])])
  },
  tf: (tf, { attributes: { axis, before, after } }, x: TfTensor) =>
    tf.pad(
      x,
      x.shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
    ),
  gradient: ({ attributes: { axis, before, after } }, g, x: Tensor) => {
    const length = sizeOf([x.shape[axis] as Dim], 'gradient of pad')
    const kept = [before, length, after].filter((rows) => rows > 0)
    return [split(g, kept, axis)[before > 0 ? 1 : 0]]
  },
})

/** Zeros before and after along an axis; the others may be symbolic. */
export function pad(x: Tensor, { axis = 0, before, after }: { axis?: number; before: number; after: number }): Tensor {
  const at = normalizeAxis('pad', axis, x.shape)
  if (!isStatic(x.shape)) return before + after === 0 ? x : padOp({ axis: at, before, after }, x)
  const zeros = (rows: number): Tensor[] => {
    if (rows === 0) return []
    const shape = x.shape.map((d, i) => (i === at ? rows : sizeOf([d], 'pad')))
    return [constant({ dtype: x.dtype, shape, data: allocate(x.dtype, sizeOf(shape)) })]
  }
  return concat([...zeros(before), x, ...zeros(after)], at)
}

const shiftOp = defineOp<{ rows: number }>({
  name: 'shift',
  infer: (_, x: Tensor) => {
    if (x.shape.length === 0 || x.dtype !== 'float32')
      throw graphError('shift', `wants rows of float32, got ${x.dtype}`, [x.shape])
    return x
  },
  onnx: (emit, node, x: string) => {
    const { rows } = node.attributes
    const others = Array.from({ length: node.shape.length - 1 }, () => 0)
    // A negative padding drops rows, so one node does both.
    return emit.node('Pad', [x, emit.ints([-rows, ...others, rows, ...others])])
  },
  tf: (tf, { attributes: { rows } }, x: TfTensor) => {
    const [length = 0, ...others] = x.shape
    const kept = Math.max(0, length - Math.abs(rows))
    const rest = tf.slice(x, [Math.min(length, Math.max(0, rows)), ...others.map(() => 0)], [kept, ...others])
    return tf.pad(rest, [
      rows > 0 ? [0, length - kept] : [length - kept, 0],
      ...others.map((): [number, number] => [0, 0]),
    ])
  },
  gradient: ({ attributes: { rows } }, g) => [shift(g, -rows)],
})

/** Moved along axis 0 by `rows`, zeros coming in: result[t] = x[t + rows], or 0 where there is none. */
export const shift = (x: Tensor, rows: number): Tensor => (rows === 0 ? x : shiftOp({ rows }, x))

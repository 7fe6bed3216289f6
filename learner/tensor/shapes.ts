import { MillraceError } from '../../shared/errors.ts'

/** A dimension: a number, or the name of one that is only known when a graph runs (`'N'`). */
export type Dim = number | string
export type Shape = readonly Dim[]

/** `[2, N, 3]` */
export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`

/** An E_GRAPH error that names the operator and the shapes it was given. */
export function graphError(op: string, problem: string, shapes: readonly Shape[] = []): MillraceError {
  const given = shapes.length > 0 ? ` (shapes ${shapes.map(formatShape).join(', ')})` : ''
  return new MillraceError('E_GRAPH', `${op}: ${problem}${given}`, { operator: op })
}

export const isStatic = (shape: Shape): shape is readonly number[] => shape.every((d) => typeof d === 'number')

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i])

/** Number of elements. @throws MillraceError E_GRAPH if a dimension is symbolic */
export function sizeOf(shape: Shape, op = 'size'): number {
  let size = 1
  for (const dim of shape) {
    if (typeof dim !== 'number') throw graphError(op, `dimension ${dim} must be known when the graph is built`, [shape])
    size *= dim
  }
  return size
}

/** NumPy's broadcasting; a symbolic dimension goes with itself and with 1. @throws MillraceError E_GRAPH */
export function broadcastShapes(op: string, ...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, i) => {
    let out: Dim = 1
    for (const shape of shapes) {
      const dim = shape[shape.length - rank + i] ?? 1
      if (dim === 1 || dim === out) continue
      if (out !== 1) throw graphError(op, `cannot broadcast ${out} with ${dim}`, shapes)
      out = dim
    }
    return out
  })
}

/** An axis in 0 … rank - 1 from one that may be negative. @throws MillraceError E_GRAPH */
export function normalizeAxis(op: string, axis: number, shape: Shape): number {
  const at = axis < 0 ? axis + shape.length : axis
  if (!Number.isInteger(axis) || at < 0 || at >= shape.length) throw graphError(op, `no axis ${axis}`, [shape])
  return at
}

/** The length of dimensions joined end to end; the sum of symbolic ones is a new symbol (`N+5`). */
export function addDims(dims: readonly Dim[]): Dim {
  const known = dims.reduce((sum: number, d) => (typeof d === 'number' ? sum + d : sum), 0)
  const symbols = dims.filter((d) => typeof d === 'string')
  if (symbols.length === 0) return known
  return [...symbols, ...(known > 0 ? [known] : [])].join('+')
}

import { concat, split } from './ops/pieces.ts'
import { flatten, reshape } from './ops/shape.ts'
import { parameterAttributes } from './ops/sources.ts'
import type { HostTensor } from './host.ts'
import type { Tensor } from './graph.ts'
import { graphError, sizeOf } from './shapes.ts'
import type { Uniform } from './initializers.ts'

/** One parameter's place in the flat vector that holds them all. */
export interface LayoutEntry {
  readonly name: string
  readonly shape: readonly number[]
  /** Of its first element. */
  readonly offset: number
  /** Number of elements. */
  readonly size: number
}

/** Parameters one after another in one float32 vector: what a train graph, a checkpoint and a published policy agree on. */
export interface Layout {
  readonly entries: readonly LayoutEntry[]
  /** Elements in all. */
  readonly size: number
}

/** Parameters in the given order. @throws MillraceError E_GRAPH if two have one name */
export function layoutOf(parameters: readonly Tensor[]): Layout {
  const entries: LayoutEntry[] = []
  let offset = 0
  for (const node of parameters) {
    const { name, shape } = parameterAttributes(node)
    if (entries.some((e) => e.name === name)) throw graphError('layout', `two parameters are called "${name}"`, [shape])
    const size = sizeOf(shape)
    entries.push({ name, shape, offset, size })
    offset += size
  }
  return { entries, size: offset }
}

/** Initial values of all parameters, drawn in order from one source of uniform numbers. */
export function initialWeights(parameters: readonly Tensor[], uniform: Uniform): Float32Array {
  const { entries, size } = layoutOf(parameters)
  const weights = new Float32Array(size)
  parameters.forEach((node, i) => {
    const { initial, shape } = parameterAttributes(node)
    weights.set(initial(shape, uniform), entries[i]?.offset)
  })
  return weights
}

/** Each parameter as a slice of the flat vector [P]; one Split cuts them all. */
export function unflatten(flat: Tensor, parameters: readonly Tensor[]): Map<Tensor, Tensor> {
  const { entries } = layoutOf(parameters)
  const parts = split(
    flat,
    entries.map((e) => e.size),
  )
  return new Map(parameters.map((node, i) => [node, reshape(parts[i] as Tensor, entries[i]?.shape ?? [])]))
}

/** Tensors of the parameters' shapes as one flat vector [P]. */
export const flattenAll = (tensors: readonly Tensor[]): Tensor => concat(tensors.map(flatten))

/** Each parameter's values by name, as views into the flat vector. @throws MillraceError E_GRAPH if its length is not the layout's */
export function viewsOf(flat: Float32Array, layout: Layout): Record<string, HostTensor> {
  if (flat.length !== layout.size) throw graphError('layout', `wants ${layout.size} weights, got ${flat.length}`)
  return Object.fromEntries(
    layout.entries.map(({ name, shape, offset, size }) => [
      name,
      { dtype: 'float32' as const, shape, data: flat.subarray(offset, offset + size) },
    ]),
  )
}

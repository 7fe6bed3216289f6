import { MillraceError } from '../../../shared/errors.ts'
import type { Graph } from '../graph.ts'
import type { HostTensor } from '../host.ts'
import { inputName } from '../ops/sources.ts'
import { formatShape } from '../shapes.ts'

/** Inputs of a graph by name with what each wants. */
export type Wanted = readonly {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly (number | string)[]
}[]

export const wantedBy = (graph: Graph): Wanted =>
  graph.inputs.map((x) => ({ name: inputName(x), dtype: x.dtype, shape: x.shape }))

/** @throws MillraceError E_ENGINE that names the first input that is missing or does not fit */
export function checkFeeds(graphName: string, wanted: Wanted, feeds: Readonly<Record<string, HostTensor>>): void {
  for (const { name, dtype, shape } of wanted) {
    const given = feeds[name]
    if (given === undefined) throw feedError(graphName, name, 'is missing')
    const fits =
      given.shape.length === shape.length && shape.every((d, i) => typeof d === 'string' || d === given.shape[i])
    if (given.dtype !== dtype || !fits) {
      const got = `${given.dtype} ${formatShape(given.shape)}`
      throw feedError(graphName, name, `is ${got}, expected ${dtype} ${formatShape(shape)}`)
    }
    let size = 1
    for (const d of given.shape) size *= d
    if (given.data.length !== size)
      throw feedError(graphName, name, `has ${given.data.length} elements for ${formatShape(given.shape)}`)
  }
}

const feedError = (graph: string, input: string, problem: string): MillraceError =>
  new MillraceError('E_ENGINE', `input "${input}" of graph "${graph}" ${problem}`, { graph, input })

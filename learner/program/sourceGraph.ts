import { inputName, toOnnx, unpackGraph } from '../tensor/index.ts'
import { programError } from './check.ts'
import { bindingOf } from './names.ts'
import { DEFAULT_POLICY, type Program } from './program.ts'

/** A graph of a program as functions run it. */
export interface GraphAtSource {
  /** The same ONNX model that the learner would run. */
  readonly bytes: Uint8Array
  readonly metrics: readonly string[]
  /** Its set of weights, and where it lies in the policy's model: [where in the model, where in the vector, how many bytes]. */
  readonly weights?: {
    readonly set: string
    readonly size: number
    readonly places: readonly (readonly [number, number, number])[]
  }
}

/**
 * A graph of a program for functions. They have columns, rates and the policy, so it may take nothing else.
 *
 * @throws MillraceError E_GRAPH where there is no such graph, it takes what functions do not have, or it takes weights that are not in the
 *   published policy
 */
export function graphAtSource(program: Program, name: string): GraphAtSource {
  const given = Object.hasOwn(program.graphs, name) ? program.graphs[name] : undefined
  if (!given) throw programError(`a stage runs '${name}', which is no graph of it`)
  const graph = unpackGraph(given.graph)
  const inputs = graph.inputs.map(inputName)
  const strange = inputs.find((input) => !['column', 'rate', 'set'].includes(bindingOf(input)?.kind ?? ''))
  if (strange !== undefined) throw programError(`graph '${name}' runs at the source, which has no '${strange}'`)
  const sets = inputs.flatMap((input) => (bindingOf(input)?.kind === 'set' ? (bindingOf(input)?.of ?? []) : []))
  const made = { bytes: toOnnx(graph).bytes, metrics: given.metrics }
  const [set] = sets
  return set === undefined ? made : { ...made, weights: weightsOf(program, name, sets) }
}

function weightsOf(
  { policies }: Program,
  name: string,
  sets: readonly string[],
): NonNullable<GraphAtSource['weights']> {
  const policy = policies[DEFAULT_POLICY]
  const [own = '', ...more] = policy?.sets ?? []
  const other = sets.find((set) => set !== own) ?? more[0]
  if (!policy || other !== undefined)
    throw programError(
      `graph '${name}' runs at the source and takes the set '${other}'; a graph at the source takes one set, which is all of its policy`,
    )
  const { weights: size, places } = policy.model
  const published = places.reduce((sum, { bytes }) => sum + bytes, 0) / Float32Array.BYTES_PER_ELEMENT
  if (published !== size)
    throw programError(
      `graph '${name}' runs at the source and takes all ${size} weights of '${own}', of which the policy is published with ${published}; publish it with its value (publishValue: true)`,
    )
  return { set: own, size, places: places.map(({ to, from, bytes }) => [to, from, bytes] as const) }
}

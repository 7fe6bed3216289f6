import { OPS, adopt, deduplicate, type Graph, type Tensor } from './graph.ts'
import type { DType } from './host.ts'
import { graphError, type Shape } from './shapes.ts'

/** A graph as plain data: what crosses to another thread. */
export interface PackedGraph {
  readonly name: string
  /** Inputs of a node come before it. */
  readonly nodes: readonly PackedNode[]
  /** Places in `nodes`. */
  readonly inputs: readonly number[]
  readonly outputs: Readonly<Record<string, number>>
}

interface PackedNode {
  readonly op: string
  readonly inputs: readonly number[]
  readonly attributes: unknown
  readonly shape: Shape
  readonly dtype: DType
}

/** The graph as data, of equal nodes one. It must have no parameters left: those hold functions. @throws MillraceError E_GRAPH */
export function packGraph({ name, inputs, outputs }: Graph): PackedGraph {
  const roots = [...inputs, ...Object.values(outputs)]
  const { nodes, find } = deduplicate(roots)
  const places = new Map(nodes.map((node, i) => [node, i]))
  const place = (node: Tensor): number => places.get(find(node)) ?? -1
  const packed = nodes.map(({ op, inputs: from, attributes, shape, dtype }) => {
    if (op.name === 'parameter')
      throw graphError(name, `the parameter "${String((attributes as { name: string }).name)}" is in no set`, [shape])
    return { op: op.name, inputs: from.map(place), attributes, shape, dtype }
  })
  return {
    name,
    nodes: packed,
    inputs: inputs.map(place),
    outputs: Object.fromEntries(Object.entries(outputs).map(([key, node]) => [key, place(node)])),
  }
}

/** The graph that was packed. @throws MillraceError E_GRAPH where an operator is not known */
export function unpackGraph({ name, nodes, inputs, outputs }: PackedGraph): Graph {
  const made: Tensor[] = []
  const at = (place: number): Tensor => made[place] as Tensor
  for (const { op: opName, inputs: from, ...node } of nodes) {
    const op = OPS.get(opName)
    if (!op) throw graphError(name, `there is no operator "${opName}"`)
    made.push(adopt({ op, inputs: from.map(at), ...node }))
  }
  return {
    name,
    inputs: inputs.map(at),
    outputs: Object.fromEntries(Object.entries(outputs).map(([key, place]) => [key, at(place)])),
  }
}

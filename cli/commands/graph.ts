import type { Experiment } from '../../learner/experiment.ts'
import type { GraphNode, PlanGraph } from '../../learner/flow/types.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { LoadedExperiment } from '../../library/load/loadExperiment.ts'
import { print } from '../display/wrap.ts'

export const GRAPH_FORMATS = ['text', 'mermaid', 'json'] as const

export interface GraphOptions {
  readonly file: string
  readonly format: (typeof GRAPH_FORMATS)[number]
}

export interface GraphParts {
  load(file: string, options: { readonly cwd: string }): Promise<LoadedExperiment>
  /** Builds an experiment's plan; nothing runs. */
  plan(experiment: Experiment): Promise<PlanGraph>
  mermaid(graph: PlanGraph): Promise<string>
}

/** `millrace graph`: prints the dataflow plan of an experiment. */
export async function graphCommand({ file, format }: GraphOptions, host: Host, parts: GraphParts): Promise<number> {
  const { experiment } = await parts.load(file, { cwd: host.cwd })
  const graph = await parts.plan(experiment)
  if (format === 'json') host.out.write(`${JSON.stringify(graph, null, 2)}\n`)
  else if (format === 'mermaid') host.out.write(`${(await parts.mermaid(graph)).trimEnd()}\n`)
  else print(host.out, graphLines(graph), 7)
  return EXIT.ok
}

/** A plan as a numbered list: each node with its parameters and, where it is not the line above, what flows into it. */
export function graphLines({ name, nodes: unordered, edges }: PlanGraph): string[] {
  const nodes = inFlowOrder(unordered, edges)
  const number = new Map(nodes.map(({ id }, i) => [id, i + 1]))
  const digits = String(nodes.length).length
  const names = nodes.map((node) =>
    node.kind === 'operator' ? node.operator : `${node.operator} (${KINDS[node.kind]})`,
  )
  const width = Math.max(0, ...names.map((n) => n.length))
  return [
    name,
    ...nodes.map((node, i) => {
      const sources = edges.filter(({ to }) => to === node.id).map(({ from }) => number.get(from) ?? 0)
      const chained = sources.length === 1 && sources[0] === i
      const inflow = chained || sources.length === 0 ? '' : `from ${sources.join(', ')}`
      const line = `${String(i + 1).padStart(digits)}  ${(names[i] ?? '').padEnd(width)}  ${parameters(node)}`
      return `  ${[line.trimEnd(), inflow].filter(Boolean).join('  ')}`
    }),
  ]
}

/** Nodes after what flows into them, else in the order they came. */
function inFlowOrder(nodes: readonly GraphNode[], edges: PlanGraph['edges']): readonly GraphNode[] {
  const left = [...nodes]
  const placed = new Set<string>()
  const ordered: GraphNode[] = []
  while (left.length > 0) {
    const ready = left.findIndex(({ id }) => edges.every(({ from, to }) => to !== id || placed.has(from)))
    const [next] = left.splice(Math.max(0, ready), 1)
    if (!next) break
    placed.add(next.id)
    ordered.push(next)
  }
  return ordered
}

const KINDS = { atSource: 'at the source', queue: 'queue' } as const

function parameters({ params }: GraphNode): string {
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    return params === null ? '' : JSON.stringify(params)
  return Object.entries(params)
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

import type { PlanNode } from './node.ts'
import type { GraphNode, Plain, PlanGraph } from './types.ts'

/** The plan as plain data: nodes in the order they were made, edges in the direction items go. */
export function graphOf(name: string, nodes: readonly PlanNode[]): PlanGraph {
  const draw = ({ path, spec: { operator, params = null, kind = 'operator' } }: PlanNode) => ({
    id: path,
    operator,
    params,
    kind,
  })
  const into = ({ path, inputs }: PlanNode) => inputs.map((input) => ({ from: input.path, to: path }))
  const out = ({ path, spec: { writes } }: PlanNode) => (writes === undefined ? [] : [{ from: path, to: writes.path }])
  return { name, nodes: nodes.map(draw), edges: nodes.flatMap((node) => [...into(node), ...out(node)]) }
}

/** A Mermaid flowchart of the graph. */
export function mermaid({ nodes, edges }: PlanGraph): string {
  const ids = new Map(nodes.map(({ id }, i) => [id, `n${i}`]))
  const draw = ({ id, operator, params, kind }: GraphNode) => {
    const text = `"${[operator, ...labels(params)].map(escape).join('<br/>')}"`
    return `${ids.get(id)}${kind === 'queue' ? `[(${text})]` : `[${text}]`}`
  }
  const remote = nodes.filter(({ kind }) => kind === 'atSource').map((node) => `    ${draw(node)}`)
  return [
    'flowchart LR',
    ...(remote.length === 0 ? [] : ['  subgraph source [at the source]', ...remote, '  end']),
    ...nodes.filter(({ kind }) => kind !== 'atSource').map((node) => `  ${draw(node)}`),
    ...edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`),
    '',
  ].join('\n')
}

const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function labels(params: Plain): string[] {
  if (typeof params !== 'object' || params === null) return params === null ? [] : [show(params)]
  const parts = Object.entries(params).map(([key, value]) => `${key} ${show(value)}`)
  return [parts.join(', ')]
}

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

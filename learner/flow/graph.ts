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
  const at = (source: boolean) => nodes.filter(({ kind }) => (kind === 'atSource') === source).map(draw)
  const remote =
    at(true).length === 0 ? [] : ['subgraph source [at the source]', ...at(true).map((line) => `  ${line}`), 'end']
  const arrows = edges.map(({ from, to }) => `${ids.get(from)} --> ${ids.get(to)}`)
  return ['flowchart LR', ...[...remote, ...at(false), ...arrows].map((line) => `  ${line}`), ''].join('\n')
}

const isRecord = (value: Plain): value is { readonly [key: string]: Plain } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const show = (value: Plain): string => {
  if (typeof value === 'string') return value
  return isRecord(value) ? `(${listed(value)})` : JSON.stringify(value)
}
const listed = (values: { readonly [key: string]: Plain }): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${show(value)}`)
    .join(', ')
const labels = (params: Plain) => (params === null ? [] : [isRecord(params) ? listed(params) : show(params)])

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

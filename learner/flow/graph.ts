import type { PlanNode } from './node.ts'
import type { GraphNode, NodeMeasure, Plain, PlanGraph } from './types.ts'

/** The plan as plain data: nodes in the order they were made, edges in the direction items go. */
export function graphOf(name: string, nodes: readonly PlanNode[]): PlanGraph {
  return {
    name,
    nodes: nodes.map(({ path: id, spec: { operator, params = null, kind = 'operator' } }) => ({
      id,
      operator,
      params,
      kind,
    })),
    edges: nodes.flatMap(({ path, inputs, spec: { writes } }) => [
      ...inputs.map((input) => ({ from: input.path, to: path })),
      ...(writes === undefined ? [] : [{ from: path, to: writes.path }]),
    ]),
  }
}

/** A Mermaid flowchart of the graph; with measures, each node shows its items and how its time went. */
export function mermaid(graph: PlanGraph, measures: Readonly<Record<string, NodeMeasure>> = {}): string {
  const ids = new Map(graph.nodes.map(({ id }, i) => [id, `n${i}`]))
  const draw = ({ id, operator, params, kind }: GraphNode) => {
    const lines = [operator, labelOf(params), ...(id in measures ? [measured(measures[id]!)] : [])]
    const text = `"${lines
      .filter((line) => line !== '')
      .map(escape)
      .join('<br/>')}"`
    return `${ids.get(id)}${kind === 'queue' ? `[(${text})]` : `[${text}]`}`
  }
  const remote = graph.nodes.filter(({ kind }) => kind === 'atSource').map((node) => `    ${draw(node)}`)
  return [
    'flowchart LR',
    ...(remote.length === 0 ? [] : ['  subgraph source [at the source]', ...remote, '  end']),
    ...graph.nodes.filter(({ kind }) => kind !== 'atSource').map((node) => `  ${draw(node)}`),
    ...graph.edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`),
    '',
  ].join('\n')
}

const show = (value: Plain) => (typeof value === 'string' ? value : JSON.stringify(value))

const labelOf = (params: Plain) =>
  typeof params !== 'object' || params === null
    ? show(params ?? '')
    : Object.entries(params as { readonly [key: string]: Plain })
        .map(([key, value]) => `${key} ${show(value)}`)
        .join(', ')

function measured({ itemsIn, itemsOut, busyMs, waitedUpstreamMs, waitedDownstreamMs }: NodeMeasure): string {
  const [busy, up, down] = [busyMs, waitedUpstreamMs, waitedDownstreamMs].map(
    (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`,
  )
  return itemsIn + itemsOut === 0 ? '' : `${itemsIn} in, ${itemsOut} out; busy ${busy}, waited ${up} up, ${down} down`
}

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

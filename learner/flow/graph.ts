import type { PlanNode, QueueSlot } from './node.ts'
import type { GraphNode, NodeMeasure, Plain, PlanGraph } from './types.ts'

/** The plan as plain data: nodes in the order they were made, edges in the direction items go. */
export function graphOf(name: string, nodes: readonly PlanNode[], queues: readonly QueueSlot[]): PlanGraph {
  const idOf = (queue: QueueSlot) => `queue(${queue.name})`
  const edges = nodes.flatMap((node) => {
    const { writes, reads } = node.spec
    return [
      ...node.inputs.map((input) => ({ from: input.path, to: node.path })),
      ...(reads === undefined ? [] : [{ from: idOf(reads), to: node.path }]),
      ...(writes === undefined ? [] : [{ from: node.path, to: idOf(writes) }]),
    ]
  })
  const drawn = nodes.map((node): GraphNode => {
    return { id: node.path, operator: node.operator, params: node.params, kind: node.spec.kind ?? 'operator' }
  })
  const held = queues.map((queue): GraphNode => {
    const { capacity, whenFull } = queue
    return { id: idOf(queue), operator: queue.name, params: { capacity, whenFull }, kind: 'queue' }
  })
  return { name, nodes: [...drawn, ...held], edges }
}

/** A Mermaid flowchart of the graph; with measures, each node shows its items and how its time went. */
export function mermaid(graph: PlanGraph, measures: Readonly<Record<string, NodeMeasure>> = {}): string {
  const ids = new Map(graph.nodes.map((node, i) => [node.id, `n${i}`]))
  const draw = (node: GraphNode) => {
    const label = [node.operator, labelOf(node.params), measured(measures[node.id])].filter((line) => line !== '')
    const text = `"${label.map(escape).join('<br/>')}"`
    return `${ids.get(node.id)}${node.kind === 'queue' ? `[(${text})]` : `[${text}]`}`
  }
  const atSource = graph.nodes.filter((node) => node.kind === 'atSource')
  const here = graph.nodes.filter((node) => node.kind !== 'atSource')
  return [
    'flowchart LR',
    ...(atSource.length === 0
      ? []
      : ['  subgraph source [at the source]', ...atSource.map((n) => `    ${draw(n)}`), '  end']),
    ...here.map((node) => `  ${draw(node)}`),
    ...graph.edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`),
    '',
  ].join('\n')
}

const labelOf = (params: Plain) =>
  typeof params === 'object' && params !== null
    ? Object.entries(params)
        .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(', ')
    : String(params ?? '')

function measured(measure: NodeMeasure | undefined): string {
  if (measure === undefined || measure.itemsIn + measure.itemsOut === 0) return ''
  const { itemsIn, itemsOut, busyMs, waitedUpstreamMs, waitedDownstreamMs } = measure
  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`
  return `${itemsIn} in, ${itemsOut} out; busy ${ms(busyMs)}, waited ${ms(waitedUpstreamMs)} up, ${ms(waitedDownstreamMs)} down`
}

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

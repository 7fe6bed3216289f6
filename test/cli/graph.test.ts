import { expect, test } from 'vitest'
import { graphCommand, graphLines, type GraphOptions } from '../../cli/commands/graph.ts'
import { experiment } from '../../learner/experiment.ts'
import type { PlanGraph } from '../../learner/flow/types.ts'
import { FakeHost } from './fakeHost.ts'
import { fakeAlgorithm } from './fixtures/library.ts'

const graph: PlanGraph = {
  name: 'impala',
  nodes: [
    { id: 'a', operator: 'rollouts', params: null, kind: 'atSource' },
    { id: 'b', operator: 'gatherAsync', params: { inFlight: 2, reissue: 'before' }, kind: 'operator' },
    { id: 'd', operator: 'trainOneStep', params: {}, kind: 'operator' },
    { id: 'e', operator: 'concurrently', params: { mode: 'async' }, kind: 'operator' },
    { id: 'c', operator: 'learner', params: { capacity: 2 }, kind: 'queue' },
  ],
  edges: [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'c', to: 'd' },
    { from: 'b', to: 'e' },
    { from: 'd', to: 'e' },
  ],
}

async function print(format: GraphOptions['format']): Promise<string> {
  const host = new FakeHost('/')
  const made = experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() })
  const exitCode = await graphCommand({ file: 'my.ts', format }, host, {
    load: async () => ({ experiment: made, file: '/my.ts', name: 'my', ownEnv: false }),
    plan: async (given) => ({ ...graph, name: given.algorithm.name }),
    mermaid: async ({ name }) => `flowchart ${name}\n`,
  })
  expect(exitCode).toBe(0)
  return host.out.text
}

test('a plan as text: its nodes in the order of the flow, with parameters, and where a line does not come from the one above', () => {
  expect(graphLines(graph).join('\n')).toMatchInlineSnapshot(`
    "impala
      1  rollouts (at the source)
      2  gatherAsync               inFlight 2, reissue before
      3  learner (queue)           capacity 2
      4  trainOneStep
      5  concurrently              mode async  from 2, 4"
  `)
})

test('each format prints the plan and nothing else', async () => {
  expect(await print('mermaid')).toBe('flowchart fake\n')
  expect(JSON.parse(await print('json'))).toEqual({ ...graph, name: 'fake' })
  expect(await print('text')).toMatch(/^fake\n {2}1 {2}rollouts \(at the source\)/)
})

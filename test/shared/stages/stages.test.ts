import { expect, test } from 'vitest'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { gae, gradients } from '../../../learner/operators/atSource.ts'
import { graphAtSource } from '../../../learner/program/index.ts'
import { Originals } from '../../../learner/publish/originals.ts'
import { publishGraphs } from '../../../learner/publish/publishGraphs.ts'
import { GraphSession } from '../../../shared/stages/graphSession.ts'
import { Graphs } from '../../../shared/stages/graphs.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { formAfter, roundsOf } from '../../../shared/stages/index.ts'
import { discrete, programOf } from '../../learner/program/programs.ts'

const form = { T: 8, B: 4, columns: [] }
const shared = (params: object) => ({ name: 'sharedGradients', params: { graph: 'g', epochs: 3, rows: 8, ...params } })

test('a stage that is not known, or whose parameters are wrong, is refused with what there is', () => {
  expect(() => formAfter({ stages: [{ name: 'gea', params: {} }] }, form)).toThrow(
    "there is no stage 'gea'; did you mean 'gae'?",
  )
  expect(() => formAfter({ stages: [{ name: 'gae', params: { gamma: 2, lambda: 1 } }] }, form)).toThrow(
    /^parameters of stage 'gae': gamma/,
  )
})

test('wrong parameters fail when the plan is built', () => {
  expect(() => gae({ gamma: 0.9, lambda: 1.5 })).toThrow(expect.objectContaining({ code: 'E_PLAN_PARAMETER' }))
  expect(() => gradients({ graph: '' })).toThrow(expect.objectContaining({ code: 'E_PLAN_PARAMETER' }))
})

test('a stage that gives several messages of a fragment has to be the last, and its minibatches divide a fragment', () => {
  expect(roundsOf([shared({})], form)).toBe(3 * 4)
  expect(() => roundsOf([shared({}), shared({})], form)).toThrow(
    "stage 'sharedGradients' gives several messages of a fragment and has to be the last",
  )
  expect(() => roundsOf([shared({ rows: 5 })], form)).toThrow(
    'minibatches of 5 steps do not divide the 32 of a fragment',
  )
})

test('a graph that functions cannot run is refused before anything starts', () => {
  const sizes = { policy: discrete(2, [4]), T: 8, B: 4 }
  const ppo = programOf(ALGORITHMS.ppo({ minibatchSteps: 32, normalizeValues: false }), sizes)
  expect(() => graphAtSource(ppo, 'advantage')).toThrow("a stage runs 'advantage', which is no graph of it")
  expect(() => graphAtSource(ppo, 'surrogate')).toThrow(/runs at the source, which has no '(slot|step)/)
  expect(() => graphAtSource(ppo, 'advantages')).toThrow(
    /of which the policy is published with \d+; publish it with its value/,
  )
})

test('a graph that is not in the bucket, or was altered there, names its object, so that the learner writes it again', async () => {
  const store = memoryStore()
  const program = programOf(ALGORITHMS.a3c(), { policy: discrete(2, [4]), T: 8, B: 4 })
  const stages = [{ name: 'gradients', params: { graph: 'gradients' } }]
  const originals = new Originals(store)
  const { gradients: graph } = await publishGraphs(stages, program, { run: 'run', store, originals })
  if (!graph) throw new Error('it was not published')
  const opened = async () => (await GraphSession.load(graph, store)).graph
  expect(await opened()).toEqual(graph)
  await store.put(graph.key, new Uint8Array(10))
  await expect(opened()).rejects.toMatchObject({ code: 'E_GRAPH', where: { damaged: graph.key } })
  expect(await originals.writeAgain(graph.key)).toBe(true)
  expect(await opened()).toEqual(graph)
  await store.delete([graph.key])
  await expect(opened()).rejects.toMatchObject({ code: 'E_GRAPH', where: { damaged: graph.key } })
})

test('a graph is opened once an execution environment; one that failed is tried again', async () => {
  const store = memoryStore()
  const program = programOf(ALGORITHMS.a3c(), { policy: discrete(2, [4]), T: 8, B: 4 })
  const stages = [{ name: 'gradients', params: { graph: 'gradients' } }]
  const graphs = await publishGraphs(stages, program, { run: 'run', store, originals: new Originals(store) })
  let reads = 0
  const from = { store, onGet: () => void reads++ }
  const open = new Graphs()
  const body = store.objects.get(graphs['gradients']?.key ?? '')?.body ?? new Uint8Array()
  await store.delete([graphs['gradients']?.key ?? ''])
  await expect(open.named({ graphs }, 'gradients', from)).rejects.toMatchObject({ code: 'E_GRAPH' })
  await store.put(graphs['gradients']?.key ?? '', body)
  const session = await open.named({ graphs }, 'gradients', from)
  expect(await open.named({ graphs }, 'gradients', from)).toBe(session)
  expect(reads).toBe(2)
  await expect(open.named({ graphs }, 'other', from)).rejects.toMatchObject({ code: 'E_LEASE' })
})

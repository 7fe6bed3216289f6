import { afterEach, expect, test, vi } from 'vitest'
import { cartPole } from '../../../shared/env/cartPole.ts'
import type { Env, EnvDefinition } from '../../../shared/env/index.ts'
import { LeaseReport } from '../../../shared/protocol/lease.ts'
import { playEpisodes, RolloutWorker } from '../../../shared/rollout/index.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { cartPoleModel, leaseOf, publish, work } from './leases.ts'

afterEach(() => vi.restoreAllMocks())

/** CartPoles that count how many are open. */
function counted(step: () => void = () => undefined, reset: () => void = () => undefined) {
  const count = {
    made: 0,
    closed: 0,
    get open() {
      return this.made - this.closed
    },
  }
  const definition: EnvDefinition = {
    id: 'Counted',
    maxEpisodeSteps: 20,
    make(): Env {
      const inner = cartPole.make({})
      count.made++
      return {
        observationSpace: inner.observationSpace,
        actionSpace: inner.actionSpace,
        reset(observation, random) {
          reset()
          inner.reset(observation, random)
        },
        step(action, observation) {
          step()
          return inner.step(action, observation)
        },
        close: () => void count.closed++,
      }
    },
  }
  return { count, definition }
}

async function worked(
  definition: EnvDefinition,
  changes: Parameters<typeof leaseOf>[0] = {},
  worker = new RolloutWorker(),
) {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  return await work(leaseOf({ env: { id: definition.id, config: {} }, ...changes }), {
    store,
    queue,
    worker,
    source: definition,
  })
}

function stumble(steps: number): void {
  if (steps > 12) throw new TypeError('the wheel fell off')
}

test('a report names env, step and the user’s own place and stack, and is what the learner takes', async () => {
  let steps = 0
  const { definition } = counted(() => stumble(++steps))
  const report = await worked(definition, { numEnvs: 1, maxFragments: 9 })
  expect(LeaseReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report)
  expect(report.error).toMatchObject({
    code: 'E_ENV_STEP',
    message: expect.stringMatching(
      /^Counted failed to step: TypeError: the wheel fell off \(env 0, episode step \d+\)$/,
    ),
    where: { env: 'Counted', envIndex: 0, shard: 0, lease: 'lease-0', sequence: 2 },
  })
  const [first, second] = report.error?.stack?.split('\n') ?? []
  expect(first).toMatch(/^at stumble \(.*envErrors\.test\.ts:\d+:\d+\)$/)
  expect(second).toMatch(/^at .*envErrors\.test\.ts:/)
  expect(first).toContain(String(report.error?.where?.['at']))
})

test('a report stays a message, whatever an error holds', async () => {
  const { definition } = counted(() => {
    throw new Error('x'.repeat(3_000_000))
  })
  const report = await worked(definition)
  expect(JSON.stringify(report).length).toBeLessThan(20_000)
  expect(LeaseReport.safeParse(report).success).toBe(true)
})

test('envs that failed are closed and not used again: the next lease of the warm function makes its own', async () => {
  for (const phase of ['step', 'reset'] as const) {
    let fails = true
    const fail = () => {
      if (fails) throw new Error('stuck')
    }
    const { count, definition } = phase === 'step' ? counted(fail) : counted(undefined, fail)
    const worker = new RolloutWorker()
    expect((await worked(definition, {}, worker)).error?.code).toBe('E_ENV_STEP')
    expect([count.made, count.open]).toEqual([4, 0])
    fails = false
    expect((await worked(definition, {}, worker)).end).toBe('fragments')
    expect([count.made, count.open]).toEqual([8, 4])
  }
})

test('a warm function keeps its envs for the next lease, closes them for another env, and all at its end', async () => {
  const { count, definition } = counted()
  const worker = new RolloutWorker()
  await worked(definition, {}, worker)
  await worked(definition, { firstSequence: 3 }, worker)
  expect([count.made, count.open]).toEqual([4, 4])
  await worked(definition, { numEnvs: 2 }, worker)
  expect([count.made, count.open]).toEqual([6, 2])
  worker.close()
  worker.close()
  expect([count.made, count.open]).toEqual([6, 0])
})

test('evaluation closes its envs, also when one of them fails', async () => {
  const play = {
    model: cartPoleModel,
    spec: leaseOf().policy,
    config: {},
    episodes: 3,
    seed: 1,
    stochastic: false,
    over: () => false,
  }
  const well = counted()
  expect(await playEpisodes(well.definition, play)).toHaveLength(3)
  expect([well.count.made, well.count.open]).toEqual([3, 0])
  const ill = counted(() => stumble(99))
  await expect(playEpisodes(ill.definition, play)).rejects.toMatchObject({
    code: 'E_ENV_STEP',
    userStack: expect.stringContaining('at stumble ('),
  })
  expect([ill.count.made, ill.count.open]).toEqual([3, 0])
})

test('what a vector form of a user’s own throws is an error of the env, with its place', async () => {
  const definition: EnvDefinition = {
    ...cartPole,
    id: 'Own',
    makeVector(numEnvs, config) {
      const vector = cartPole.makeVector!(numEnvs, config)
      vector.step = () => stumble(99)
      return vector
    },
  }
  expect((await worked(definition)).error).toMatchObject({
    code: 'E_ENV_STEP',
    message: 'the envs failed to step: TypeError: the wheel fell off',
    stack: expect.stringMatching(/^at stumble \(/),
  })
})

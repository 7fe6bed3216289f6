import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { decodeBatch, encodeBatch } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { type Env, type EnvSource, type PlainData, type Random, makeVectorEnv } from '../../../shared/env/index.ts'
import { policySpecFor } from '../../../shared/policy/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { Lease, LeaseReport } from '../../../shared/protocol/lease.ts'
import { RolloutWorker } from '../../../shared/rollout/index.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { type MemoryStore, memoryStore } from '../../fakes/memoryStore.ts'
import { drain, freshModel, leaseOf, opened, publish, work } from './leases.ts'

const B = 4

/** A walk of a class's own: draws at every step, ends at random, observes what is not in its observation. */
class Walk implements Env {
  static readonly id: string = 'Walk-v0'
  static readonly maxEpisodeSteps: number = 23
  readonly observationSpace = { kind: 'box', shape: [2], low: -100, high: 100 } as const
  readonly actionSpace = { kind: 'discrete', n: 3 } as const
  protected at = 0
  protected random: Random | undefined

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.at = -0
    this.observe(observation)
  }

  step(action: number | Float32Array, observation: Float32Array) {
    this.at += Number(action) - 1 + (this.random?.normal() ?? 0)
    this.observe(observation)
    return { reward: this.at / 3, terminated: (this.random?.integer(40) ?? 0) === 0, truncated: false }
  }

  protected observe(observation: Float32Array): void {
    observation[0] = Math.max(-100, Math.min(100, this.at))
    observation[1] = this.random?.uniform() ?? 0
  }
}

class Saveable extends Walk {
  static override readonly id: string = 'Saveable-v0'
  save(): PlainData {
    return { at: this.at, never: Infinity }
  }
  load(state: PlainData, random: Random): void {
    const { at, never } = state as { at: number; never: number }
    if (never !== Infinity) throw new Error(`never is ${never}`)
    this.at = at
    this.random = random
  }
}

interface Setting {
  readonly source: EnvSource
  readonly lease: Lease
  readonly model: Uint8Array
}

function settingOf(source: EnvSource, changes: Partial<Lease> = {}): Setting {
  const { observationSpace, actionSpace } = makeVectorEnv(source, { numEnvs: 1 })
  const policy = policySpecFor(observationSpace, actionSpace)
  const id = typeof source === 'string' ? source : ((source as typeof Walk).id ?? 'env')
  const lease = leaseOf({ env: { id, config: {} }, policy, numEnvs: B, manifestPollMs: 1e9, ...changes })
  return {
    source,
    lease,
    model: freshModel(policy.observation.shape, actionSpace.kind === 'discrete' ? actionSpace.n : 0, 1),
  }
}

/** Leases of these many fragments each, every one of them going on from what the last one left. */
async function inLeases({ source, lease, model }: Setting, counts: readonly number[], store = memoryStore()) {
  const queue = memoryQueue()
  await publish(store, { model })
  const reports: LeaseReport[] = []
  let firstSequence = 0
  let envState: Lease['envState']
  for (const [n, maxFragments] of counts.entries()) {
    const next = { ...lease, lease: `0-${n}`, firstSequence, maxFragments, envState }
    const report = await work(next, { store, queue, source, worker: new RolloutWorker() })
    reports.push(report)
    firstSequence += report.fragments
    envState = report.envState
  }
  return { reports, batches: await opened(await drain(queue), store), store }
}

const columns = (batches: readonly SampleBatch[]) => batches.map((batch) => batch.columns)
const returns = (batches: readonly SampleBatch[]) =>
  batches.flatMap((batch) => [...(batch.columns['episode_returns']?.data ?? [])])

const TOTAL = 12
const split = fc
  .array(fc.integer({ min: 0, max: 5 }), { maxLength: 6 })
  .map((counts) => counts.filter((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b, 0) <= TOTAL))
  .map((counts) => [...counts, TOTAL - counts.reduce((a, b) => a + b, 0)])
  .map((counts) => counts.filter((count) => count > 0))

test.each<EnvSource>(['CartPole-v1', 'MountainCar-v0', 'Acrobot-v1', 'Identity-v0', Saveable])(
  'any split of a stream of fragments into leases gives the same fragments as one lease: %o',
  async (source) => {
    const setting = settingOf(source)
    const whole = await inLeases(setting, [TOTAL])
    await fc.assert(
      fc.asyncProperty(split, async (counts) => {
        const parts = await inLeases(setting, counts)
        expect(columns(parts.batches)).toEqual(columns(whole.batches))
        for (const report of parts.reports) expect(report).toMatchObject({ end: 'fragments' })
        for (const { episodesCut, envStateProblem } of parts.reports)
          expect({ episodesCut, envStateProblem }).toEqual({ episodesCut: undefined, envStateProblem: undefined })
      }),
      { numRuns: 8 },
    )
  },
)

test('an episode longer than a lease comes with its whole return and length', async () => {
  const setting = settingOf('MountainCar-v0')
  // An episode is 200 steps, a fragment 5, a lease 3 fragments.
  const { batches } = await inLeases(
    setting,
    Array.from({ length: 14 }, () => 3),
  )
  expect(returns(batches)).toEqual([-200, -200, -200, -200])
})

test('a lease pays for its state with one write and one read, and one that made nothing hands it on for a read', async () => {
  const setting = settingOf('CartPole-v1')
  const { reports, store, batches } = await inLeases(setting, [2, 3])
  expect(reports.map(({ requests }) => [requests.s3Put, requests.s3Get])).toEqual([
    [1, 1],
    [1, 2],
  ])
  expect(reports.map(({ envState }) => envState?.key)).toEqual(
    ['0-0', '0-1'].map((lease) => keys.envState('run-1', 0, lease)),
  )
  const late = leaseOf({
    ...setting.lease,
    lease: '0-2',
    firstSequence: 5,
    deadline: 1,
    envState: reports[1]?.envState,
  })
  const nothing = await work(late, { store, queue: memoryQueue(), source: setting.source })
  expect(nothing).toMatchObject({ end: 'deadline', fragments: 0, envState: reports[1]?.envState })
  expect(nothing.requests.s3Put).toBe(0)
  expect(batches).toHaveLength(5)
})

test('an env without save and load starts anew, and its lease says how many episodes that cuts', async () => {
  const short = settingOf(Walk, { fragmentLength: 1 })
  const { reports, store } = await inLeases(short, [1, 1])
  for (const report of reports) expect(report).toMatchObject({ episodesCut: B, requests: { s3Put: 0 } })
  expect(reports.map(({ envState, envStateProblem }) => [envState, envStateProblem])).toEqual(
    [[], []].map(() => [undefined, undefined]),
  )
  expect([...store.objects.keys()].filter((key) => key.startsWith('states/'))).toEqual([])
})

test('episodes that ended with the lease’s last step are not cut', async () => {
  class Short extends Walk {
    static override readonly id: string = 'Short-v0'
    static override readonly maxEpisodeSteps: number = 1
  }
  const { reports } = await inLeases(settingOf(Short), [2])
  expect(reports[0]).toMatchObject({ episodesCut: 0 })
})

test('a run that was told to stop saves nothing and has cut nothing', async () => {
  const { source, lease, model } = settingOf(Walk)
  const store = memoryStore()
  await publish(store, { model }, { stop: true })
  const report = await work(lease, { store, queue: memoryQueue(), source })
  expect([report.end, report.episodesCut, report.envState]).toEqual(['stopped', undefined, undefined])
})

class Unsaveable extends Saveable {
  static override readonly id: string = 'Unsaveable-v0'
  override save(): PlainData {
    return { at: new Float64Array(1) as unknown as PlainData }
  }
}
class Throwing extends Saveable {
  static override readonly id: string = 'Throwing-v0'
  override save(): PlainData {
    throw new Error('the simulator is gone')
  }
}

test.each([
  [Unsaveable, /could not be saved .*: \[0\]\.at is a Float64Array/],
  [Throwing, /could not be saved .*: .*the simulator is gone/],
])(
  'an env whose save gives what cannot be kept, or throws, loses its episodes and not its lease: %o',
  async (source, why) => {
    const { reports, batches } = await inLeases(settingOf(source), [2, 2])
    expect(batches).toHaveLength(4)
    for (const report of reports) {
      expect(report).toMatchObject({ end: 'fragments', fragments: 2, episodesCut: B })
      expect(report.envStateProblem).toMatch(why)
    }
  },
)

test('a state that the store cannot take costs the episodes and not the lease', async () => {
  const { source, lease, model } = settingOf('CartPole-v1')
  const store = memoryStore()
  await publish(store, { model })
  store.failNext('put')
  const report = await work(lease, { store, queue: memoryQueue(), source })
  expect(report).toMatchObject({ end: 'fragments', fragments: 3, episodesCut: expect.any(Number) })
  expect(report.envStateProblem).toMatch(/could not be saved .*: the store failed a put/)
})

/** A lease that is to go on at fragment 3 from whatever is stored; and the same one without a state. */
async function goingOn(
  setting: Setting,
  spoil: (store: MemoryStore, state: NonNullable<Lease['envState']>) => Promise<Partial<Lease> | void>,
) {
  const { reports, store } = await inLeases(setting, [3])
  const [{ envState } = { envState: undefined }] = reports
  if (!envState) throw new Error('nothing was saved')
  const changes = (await spoil(store, envState)) ?? {}
  const lease = { ...setting.lease, lease: '0-1', firstSequence: 3, envState, ...changes }
  const queue = memoryQueue()
  const report = await work(lease, { store, queue, source: setting.source })
  const { envState: _, ...fresh } = lease
  const freshQueue = memoryQueue()
  await work(fresh, { store, queue: freshQueue, source: setting.source })
  const [got, expected] = await Promise.all([queue, freshQueue].map(async (one) => opened(await drain(one), store)))
  // The learner is told, since it follows episodes over leases.
  expect(got!.map(({ notes }) => notes['envs'])).toEqual(['anew', undefined, undefined])
  return { report, got: columns(got!), fresh: columns(expected!) }
}

async function alter(
  store: MemoryStore,
  key: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<Partial<Lease>> {
  const found = await store.get(key)
  if (found.kind !== 'found') throw new Error(found.kind)
  const body = change(found.body)
  await store.put(key, body)
  return { envState: { key, sha256: sha256Hex(body) } }
}

/** The same state with other columns, or other notes, and a hash that fits. */
const rewritten =
  (changes: (batch: SampleBatch) => Partial<SampleBatch>) =>
  (store: MemoryStore, { key }: { key: string }) =>
    alter(store, key, (bytes) => {
      const batch = decodeBatch(bytes)
      return encodeBatch({ ...batch, ...changes(batch) })
    })
const without = (columns: SampleBatch['columns'], name: string) =>
  Object.fromEntries(Object.entries(columns).filter(([key]) => key !== name))
const text = (json: string) => {
  const data = new TextEncoder().encode(json)
  return (batch: SampleBatch) => ({
    columns: { ...batch.columns, envs: { dtype: 'U8' as const, shape: [data.length], data } },
  })
}

test.each<[string, Parameters<typeof goingOn>[1], RegExp]>([
  ['that is gone', (store, { key }) => store.delete([key]), /it is not in the bucket$/],
  [
    'that was altered',
    (store, { key }) => alter(store, key, (b) => b.fill(7)).then(() => undefined),
    /it was altered$/,
  ],
  ['that is noise', (store, { key }) => alter(store, key, (b) => b.fill(0x7b)), /not a sample batch/],
  ['that is empty', (store, { key }) => alter(store, key, () => new Uint8Array()), /not a sample batch/],
  ['that cannot be read', async (store) => store.failNext('get'), /the store failed a get/],
  ['of another format', rewritten(() => ({ notes: {} })), /another format/],
  ['of another env', rewritten((b) => ({ notes: { ...b.notes, owner: 'x' } })), /another run, shard, env/],
  ['of another shard', rewritten((b) => ({ provenance: { ...b.provenance, shard: 9 } })), /another run, shard, env/],
  ['of another place in the stream', async () => ({ firstSequence: 4 }), /its next fragment is 3, that of the lease 4/],
  ['of another seed', async () => ({ seed: 8 }), /another run, shard, env/],
  ['of another number of envs', async () => ({ numEnvs: 5 }), /another run, shard, env/],
  ['with too few envs', rewritten(text('[1,2]')), /does not hold 4 envs/],
  ['whose envs are no JSON', rewritten(text('[1,2')), /cannot be read/],
  [
    'whose envs are something else',
    rewritten(text('[1,2,3,4]')),
    /the saved state of CartPole-v1 is 1, expected 4 numbers/,
  ],
  [
    'without a column',
    rewritten(({ columns }) => ({ columns: without(columns, 'env_randoms') })),
    /its env_randoms are not 16 of I32/,
  ],
  [
    'with NaN',
    rewritten((b) => ({
      columns: { ...b.columns, observations: { dtype: 'F32', shape: [16], data: new Float32Array(16).fill(NaN) } },
    })),
    /numbers that no env gives/,
  ],
  [
    'with too few observations',
    rewritten((b) => ({
      columns: { ...b.columns, observations: { dtype: 'F32', shape: [1], data: new Float32Array(1) } },
    })),
    /1 observed values, expected/,
  ],
])('a state %s is not used: the lease starts anew with fresh streams, and says so', async (_, spoil, why) => {
  const { report, got, fresh } = await goingOn(settingOf('CartPole-v1'), spoil)
  expect(report).toMatchObject({ end: 'fragments', fragments: 3 })
  expect(report.envStateProblem).toMatch(
    /^the envs start anew, because they cannot go on from where the last lease left them: /,
  )
  expect(report.envStateProblem).toMatch(why)
  expect(got).toEqual(fresh)
})

test('a load that throws half-way leaves nothing of itself in the envs', async () => {
  class Stubborn extends Saveable {
    static override readonly id: string = 'Stubborn-v0'
    static loads = 0
    override load(state: PlainData, random: Random): void {
      super.load(state, random)
      if (Stubborn.loads++ === 2) throw new Error('no more')
    }
  }
  const { report, got, fresh } = await goingOn(settingOf(Stubborn), async () => undefined)
  expect(report.envStateProblem).toMatch(/no more/)
  expect(got).toEqual(fresh)
})

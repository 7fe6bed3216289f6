import { expect, test } from 'vitest'
import { Outages } from '../../../learner/run/outages.ts'
import { Sampler } from '../../../learner/rollouts/sampler.ts'
import type { RunCloud } from '../../../learner/run/cloud.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { CostMeter } from '../../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../../shared/cost/priceBook.ts'
import { columnNamed, columnOf, packFragment, rolloutForm, toMessage } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { Lease, Pacing } from '../../../shared/protocol/lease.ts'
import { RolloutWorkers } from '../../../shared/rollout/index.ts'
import { fakeInvoker } from '../../fakes/fakeInvoker.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { sampleFragment } from '../../shared/batch/arbitrary.ts'
import { reportOf } from './inboxes.ts'
import { RUN, leaseOf, publish, workAll } from '../../shared/rollout/leases.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

/** A sampler whose functions are the real rollout core, in this process. */
function sampling(options: {
  shards: number
  pacing?: Partial<Pacing>
  maxFragments?: number
  lostAnswers?: number
  concurrency?: number
  /** One for each shard unless told. */
  functions?: number
}) {
  const world = { version: 0, onNews: () => {} }
  const tokens = new Map<string, string | undefined>()
  const [store, queue, idle] = [memoryStore(), memoryQueue({ clock: virtualClock() }), virtualClock()]
  const environments = new Map<number, RolloutWorkers>()
  const invoker = fakeInvoker(async (payload) => {
    const [first, ...rest] = parseInvocation(payload)
    // Two leases of a shard at once are in two environments.
    const kept = options.lostAnswers ? undefined : environments.get(first.shard)
    const environment = kept ?? new RolloutWorkers()
    environments.set(first.shard, environment)
    const given = (lease: Lease) => {
      tokens.set(lease.lease, lease.token)
      return { ...lease, maxFragments: options.maxFragments ?? lease.maxFragments }
    }
    const workers = environment.take(1 + rest.length)
    await workAll([given(first), ...rest.map(given)], { store, queue, workers })
  })
  let { lostAnswers = 0 } = options
  const error = new MillraceError('E_INVOKE', 'socket hang up')
  const cloud: RunCloud = {
    where: 'here',
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    store,
    queue,
    invoker: {
      async invoke(payload) {
        const answer = await invoker.invoke(payload)
        return lostAnswers-- > 0 ? { kind: 'unavailable', error } : answer
      },
    },
    clock: { ...systemClock, sleep: (ms, signal) => idle.sleep(ms, signal) },
    bucket: 'bucket',
    queueUrl: 'queue',
    spillAboveBytes: 300_000,
    manifestPollMs: 0,
    heartbeatMs: 10_000,
    memoryMb: 1024,
    trainWorker: undefined,
    close: async () => undefined,
  }
  const events: string[] = []
  const lease = leaseOf()
  const { env, policy } = lease
  const sampler = new Sampler({
    run: RUN,
    cloud,
    rollouts: {
      shards: options.shards,
      functions: options.functions ?? options.shards,
      envsPerShard: 4,
      fragmentLength: 5,
      leaseSeconds: 60,
    },
    env,
    policy,
    form: rolloutForm(lease),
    seed: 1,
    pacing: { mode: 'newest', perVersion: 2, lead: 0, patienceMs: 60_000, ...options.pacing },
    newestVersion: () => world.version,
    onNews: () => world.onNews(),
    meter: new CostMeter(US_EAST_1, { memoryMb: 1024, now: () => systemClock.now() }),
    learnerSpeaksSince: () => Number.NEGATIVE_INFINITY,
    outages: new Outages(systemClock, (text) => events.push(text)),
    onEvent: (text) => events.push(text),
  })
  const open = () =>
    sampler.source.open({ mode: 'async', inFlight: 1, stages: [], signal: new AbortController().signal })
  return { sampler, store, queue, invoker, events, open, idle, world, tokens }
}

test('fragments of every shard come out in order, over as many leases as it takes, and the end tells functions and queue', async () => {
  const s = sampling({ shards: 2, maxFragments: 3, pacing: { perVersion: 100 } })
  await publish(s.store)
  const opened = s.open()
  for (let sequence = 0; sequence < 8; sequence++) {
    for (const shard of ['0', '1']) {
      const event = await opened.request(shard)
      if (event.kind !== 'item') throw new Error(event.kind)
      expect(event.item.provenance).toMatchObject({ shard: Number(shard), sequence, envSteps: 20 })
      s.sampler.consumed(event.item)
    }
  }
  expect(s.sampler.functionsInFlight).toBe(2)
  expect(s.sampler.consumedUpTo).toEqual([8, 8])
  expect(s.sampler.rejected).toEqual({ duplicate: 0, corrupt: 0, foreign: 0 })
  await publish(s.store, {}, { stop: true })
  await opened.close()
  await s.invoker.idle()
  expect(s.events).toEqual([])
})

test.each(['exact', 'newest'] as const)(
  'whoever can only write to the queue changes nothing: no step is trained on, no window opens, no order hangs (%s)',
  async (mode) => {
    const s = sampling({ shards: 2, maxFragments: 3, pacing: { mode, perVersion: 100 } })
    await publish(s.store)
    const good = sampleFragment({ T: 5, B: 4, D: 4 }, 1)
    const forge = async (changes: Partial<SampleBatch['provenance']>): Promise<void> => {
      const provenance = { ...good.provenance, run: RUN, shard: 0, policyVersion: 0, envSteps: 20, ...changes }
      const columns = {
        ...good.columns,
        policy_versions: columnOf(new Int32Array(5).fill(provenance.policyVersion), [5]),
      }
      const packed = packFragment({ ...good, provenance, columns }, { compress: false })
      await s.queue.send((await toMessage(packed, s.store)).text)
    }
    const opened = s.open()
    // Of leases that nobody was given, of ones that were, far ahead, of the future, and with returns that no reward explains.
    for (let sequence = 0; sequence < 20; sequence++) await forge({ lease: 'forged', sequence })
    await forge({ lease: 'forged', sequence: 1e12 })
    await forge({ lease: '0-0', sequence: 1e12 })
    await forge({ lease: '0-0', sequence: 40, policyVersion: 1e9 })
    await forge({ lease: '0-0', shard: 1e9, sequence: 0 })
    // Of a lease that lives, in its window, with the version it has: all but its token.
    for (let sequence = 0; sequence < 6; sequence++) await forge({ lease: '0-0', sequence })
    await s.queue.send(JSON.stringify({ kind: 'leaseEnd', format: 1, report: reportOf({ fragments: 1e12 }) }))
    await s.queue.send(JSON.stringify({ kind: 'leaseEnd', format: 1, report: reportOf({ lease: 'forged' }) }))
    for (let sequence = 0; sequence < 8; sequence++) {
      for (const shard of ['0', '1']) {
        const event = await opened.request(shard)
        if (event.kind !== 'item') throw new Error(event.kind)
        expect(event.item.provenance).toMatchObject({ shard: Number(shard), sequence, policyVersion: 0 })
        expect(event.item.provenance.lease).not.toBe('forged')
        s.sampler.consumed(event.item)
      }
    }
    expect(s.sampler.consumedUpTo).toEqual([8, 8])
    const { duplicate, corrupt, foreign } = s.sampler.rejected
    // A forged number that a real fragment has already is a duplicate.
    expect(duplicate + foreign).toBe(32)
    expect(foreign).toBeGreaterThanOrEqual(20)
    expect(corrupt).toBe(0)
    expect(s.events.filter((text) => text.includes('nobody asked for it'))).toHaveLength(foreign)
    await publish(s.store, {}, { stop: true })
    await opened.close()
    await s.invoker.idle()
  },
)

test('a return of a million that the rewards do not explain is put away, and the real fragment is taken', async () => {
  const s = sampling({ shards: 1, maxFragments: 3, pacing: { perVersion: 100 } })
  const opened = s.open() // nothing is published yet: its function waits
  const good = sampleFragment({ T: 5, B: 4, D: 4 }, 1)
  const returns = good.columns['episode_returns']!.shape[0] ?? 0
  expect(returns).toBeGreaterThan(0)
  const columns = {
    ...good.columns,
    episode_returns: columnOf(new Float32Array(returns).fill(1e6), [returns]),
    policy_versions: columnOf(new Int32Array(5), [5]),
  }
  const provenance = {
    ...good.provenance,
    run: RUN,
    shard: 0,
    lease: '0-0',
    sequence: 0,
    policyVersion: 0,
    envSteps: 20,
  }
  while (!s.tokens.has('0-0')) await new Promise((resolve) => setImmediate(resolve))
  const packed = packFragment({ ...good, provenance, columns }, { compress: false })
  // An env's own code can have the lease's token.
  await s.queue.send((await toMessage(packed, s.store, s.tokens.get('0-0'))).text)
  while (s.sampler.rejected.corrupt === 0) await new Promise((resolve) => setImmediate(resolve))
  await publish(s.store)
  const event = await opened.request('0')
  if (event.kind !== 'item') throw new Error(event.kind)
  expect([...event.item.columns['episode_returns']!.data]).not.toContain(1e6)
  expect(s.events).toEqual([expect.stringMatching(/episode_(lengths|returns)\[0\] is/)])
  await publish(s.store, {}, { stop: true })
  await opened.close()
  await s.invoker.idle()
})

test('a train batch of any size fits: nothing is consumed before all of it is there', async () => {
  const perVersion = 60
  const s = sampling({ shards: 1, pacing: { perVersion } })
  await publish(s.store)
  const opened = s.open()
  for (let n = 0; n < perVersion; n++) expect((await opened.request('0')).kind).toBe('item')
  expect(s.sampler.queuedFragments).toBe(perVersion)
  await publish(s.store, {}, { stop: true })
  await opened.close()
  await s.invoker.idle()
})

test('functions that keep failing end the run with their error, at the next request', async () => {
  const s = sampling({ shards: 1 })
  const manifest = await publish(s.store, { inline: false })
  await s.store.delete([manifest.policy.key])
  const opened = s.open()
  await expect(opened.request('0')).rejects.toMatchObject({ code: 'E_ROLLOUT', where: { code: 'E_POLICY_MODEL' } })
  await opened.close()
  expect(s.events).toHaveLength(3)
})

test.each(['exact', 'newest'] as const)(
  'an invocation that was taken though its answer was lost: two functions work for one shard, and no fragment comes twice (%s)',
  async (mode) => {
    const s = sampling({ shards: 1, maxFragments: 6, lostAnswers: 1, pacing: { mode, perVersion: 100 } })
    await publish(s.store)
    const opened = s.open()
    await s.idle.advance(1_000)
    for (let sequence = 0; sequence < 15; sequence++) {
      const event = await opened.request('0')
      if (event.kind !== 'item') throw new Error(event.kind)
      expect(event.item.provenance.sequence).toBe(sequence)
      s.sampler.consumed(event.item)
    }
    expect(s.sampler.rejected).toMatchObject({ duplicate: 6, corrupt: 0, foreign: 0 })
    expect(s.events).toEqual([expect.stringContaining('socket hang up; trying again')])
    await publish(s.store, {}, { stop: true })
    await opened.close()
    await s.invoker.idle()
  },
)

/** The first rounds of a run with batches in order, as hashes; functions take turns where there are fewer places than shards. */
async function rounds({ concurrency, functions }: { concurrency?: number; functions?: number } = {}) {
  const pacing = { mode: 'exact', perVersion: 1, lead: 0 } as const
  const s = sampling({
    shards: 3,
    pacing,
    ...(concurrency !== undefined && { concurrency }),
    ...(functions && { functions }),
  })
  let [stop, writing] = [false, Promise.resolve()]
  // One write at a time, the newest state last, as the publisher does.
  const tell = async () => {
    writing = writing.then(async () => {
      const handOver = s.sampler.wantsPlaces
      await publish(s.store, { version: s.world.version }, { stop, ...(handOver && { handOver }) })
    })
    await writing
  }
  s.world.onNews = () => void tell()
  await tell()
  const opened = s.open()
  const came: string[] = []
  for (let round = 0; round < 4; round++) {
    const asked = Promise.all(['0', '1', '2'].map((shard) => opened.request(shard)))
    let isThere = false
    void asked.then(() => (isThere = true))
    while (!isThere) {
      await s.idle.advance(20)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    for (const event of await asked) {
      if (event.kind !== 'item') throw new Error(event.kind)
      const { buffer, byteOffset, byteLength } = columnNamed(event.item, 'observations').data
      came.push(sha256Hex(new Uint8Array(buffer, byteOffset, byteLength)))
      s.sampler.consumed(event.item)
    }
    s.world.version++
    await tell()
  }
  const leases = s.invoker.payloads.length
  stop = true
  await tell()
  await opened.close()
  await s.invoker.idle()
  return { came, leases, events: s.events }
}

test('batches in order from fewer places than shards: whoever only waits makes room, nobody hangs, and the data are the same', async () => {
  const all = await rounds()
  expect({ leases: all.leases, events: all.events }).toEqual({ leases: 3, events: [] })
  for (const places of [2, 1]) {
    const some = await rounds({ concurrency: places })
    expect(some.came).toEqual(all.came)
    expect(some.leases).toBeGreaterThan(4)
    expect(some.events).toEqual([expect.stringContaining('they take turns')])
  }
})

test('the data are the same from fewer functions than shards, each of which works on several', async () => {
  const all = await rounds()
  for (const functions of [2, 1]) {
    const some = await rounds({ functions })
    expect(some).toEqual({ came: all.came, leases: functions, events: [] })
  }
})

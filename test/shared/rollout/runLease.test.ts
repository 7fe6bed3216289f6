import { expect, test } from 'vitest'
import type { BatchQueue, ObjectStore, ReadResult } from '../../../shared/cloud/ports.ts'
import { CartPole } from '../../../shared/env/cartPole.ts'
import type { EnvDefinition } from '../../../shared/env/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { Lease, LeaseReport } from '../../../shared/protocol/lease.ts'
import type { Message } from '../../../shared/protocol/message.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { RolloutWorker } from '../../../shared/rollout/index.ts'
import { type VirtualClock, virtualClock } from '../../fakes/virtualClock.ts'
import { RUN, drain, driven, fragmentsOf, leaseOf, opened, publish, work } from './leases.ts'

const ENDLESS = 1_000_000

/** CartPole that calls `onStep` before every vector step. */
function cartPole(onStep: (step: number) => void): EnvDefinition {
  let [made, steps] = [0, 0]
  return {
    id: 'CartPole-watched',
    make: () => {
      const env = new CartPole()
      const first = made++ === 0
      return {
        observationSpace: env.observationSpace,
        actionSpace: env.actionSpace,
        reset: (observation, random) => env.reset(observation, random),
        step(action, observation) {
          if (first) onStep(++steps)
          return env.step(action, observation)
        },
      }
    },
  }
}

/** What every ending owes: the last message is the report, and it counts exactly what the queue got. */
function expectAccount(report: LeaseReport, messages: readonly Message[], lease: Lease): void {
  expect(messages.at(-1)).toEqual({ kind: 'leaseEnd', format: 1, token: lease.token, report })
  const fragments = fragmentsOf(messages)
  expect(messages.length).toBe(fragments.length + 1)
  expect(report).toMatchObject({ run: lease.run, shard: lease.shard, lease: lease.lease })
  expect(report.fragments).toBe(fragments.length)
  expect(report.envSteps).toBe(fragments.reduce((sum, { envSteps }) => sum + envSteps, 0))
  for (const fragment of fragments)
    expect(fragment).toMatchObject({ run: lease.run, shard: lease.shard, lease: lease.lease, token: lease.token })
}

const sequences = (messages: readonly Message[]) => fragmentsOf(messages).map(({ sequence }) => sequence)

test('a lease ends after its fragments, numbered from its first sequence on; the report is the last message and counts them', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  const lease = leaseOf({ firstSequence: 17, maxFragments: 5, manifestPollMs: 1e9, shard: 3, lease: 'lease-9' })
  const report = await work(lease, { store, queue })
  const messages = await drain(queue)
  expectAccount(report, messages, lease)
  expect(sequences(messages)).toEqual([17, 18, 19, 20, 21])
  expect(report).toMatchObject({ end: 'fragments', fragments: 5, envSteps: 100, coldStart: true })
  // One read of the manifest, whose policy was inline; five messages and the report, each within one chunk; the state of the envs.
  expect(report.requests).toEqual({ s3Put: 1, s3Get: 1, sqs: 6 })
  expect(report.totalMs).toBeGreaterThanOrEqual(0)
})

test('a cold start tells its parts once there is a fragment; a warm one, or one that never came so far, tells none', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  const cold = await work(leaseOf(), { store, queue, loadMs: 120 })
  expect(Object.keys(cold.start ?? {})).toEqual(['loadMs', 'envMs', 'manifestMs', 'policyMs', 'fragmentMs'])
  expect(cold.start?.loadMs).toBe(120)
  const { loadMs: _, ...inLease } = cold.start!
  const sum = Object.values(inLease).reduce((a, b) => a + b, 0)
  // The clock of the report counts whole milliseconds.
  expect(sum).toBeLessThanOrEqual(cold.totalMs + 1)
  expect((await work(leaseOf(), { store, queue })).start).toBeUndefined()
  await publish(store, {}, { stop: true })
  expect((await work(leaseOf(), { store, queue, loadMs: 120 })).start).toBeUndefined()
})

test('a lease ends before its deadline, so that sends and report still fit', async () => {
  const clock = virtualClock()
  const [store, queue] = [memoryStore(), memoryQueue({ clock })]
  await publish(store)
  const lease = leaseOf({ deadline: clock.now() + 520, maxFragments: ENDLESS })
  const report = await driven(clock, work(lease, { store, queue, clock }))
  expect(report.end).toBe('deadline')
  expect(clock.now()).toBeGreaterThanOrEqual(lease.deadline - 500)
  expect(clock.now()).toBeLessThan(lease.deadline)
  expectAccount(report, await drain(queue), lease)
  expect(clock.sleeping).toBe(0)
})

test('a lease ends when the manifest says stop, at once when it says so from the start', async () => {
  const [store, inner] = [memoryStore(), memoryQueue()]
  await publish(store)
  let sends = 0
  const queue: BatchQueue = {
    ...inner,
    async send(body) {
      await inner.send(body)
      if (++sends === 4) await publish(store, {}, { stop: true })
    },
  }
  const lease = leaseOf({ maxFragments: ENDLESS })
  const report = await work(lease, { store, queue })
  expect(report.end).toBe('stopped')
  const messages = await drain(inner)
  expectAccount(report, messages, lease)
  expect(report.fragments).toBeGreaterThanOrEqual(4)
  const again = await work(lease, { store, queue: inner })
  expect(again).toMatchObject({ end: 'stopped', fragments: 0 })
  expectAccount(again, await drain(inner), lease)
})

test('a lease ends when its host aborts it, also while it waits for the first manifest', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  const abort = new AbortController()
  const lease = leaseOf({ maxFragments: ENDLESS })
  const waiting = work(lease, { store, queue, signal: abort.signal })
  abort.abort()
  expect(await waiting).toMatchObject({ end: 'stopped', fragments: 0 })
  expectAccount(await waiting, await drain(queue), lease)
})

test('a lease ends when the heartbeat has run out, and when there never was one', async () => {
  const clock = virtualClock()
  const [store, queue] = [memoryStore(), memoryQueue({ clock })]
  const lease = leaseOf({ maxFragments: ENDLESS })
  const alone = await driven(clock, work(lease, { store, queue, clock }), 1000)
  expect(alone).toMatchObject({ end: 'heartbeat', fragments: 0 })
  expectAccount(alone, await drain(queue), lease)
  const heartbeatUntil = clock.now() + 20
  await publish(store, {}, { heartbeatUntil })
  const orphan = await driven(clock, work(lease, { store, queue, clock }))
  expect(orphan.end).toBe('heartbeat')
  expect(clock.now()).toBeGreaterThan(heartbeatUntil)
  expectAccount(orphan, await drain(queue), lease)
})

test('a manifest read that hangs does not delay stepping: it goes on until the heartbeat known so far runs out', async () => {
  const clock = virtualClock()
  const [inner, queue] = [memoryStore(), memoryQueue({ clock })]
  let stepped = 0
  let [hung, steppedSince] = [false, 0]
  const store: ObjectStore = {
    ...inner,
    get(key, options) {
      if (key !== keys.manifest(RUN) || inner.requests.get === 0) return inner.get(key, options)
      hung = true
      return new Promise<ReadResult>((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      })
    },
  }
  await publish(inner, {}, { heartbeatUntil: clock.now() + 40 })
  const source = cartPole(() => {
    stepped++
    if (hung) steppedSince++
  })
  const lease = leaseOf({ maxFragments: ENDLESS })
  const report = await driven(clock, work(lease, { store, queue, clock, source }))
  expect(report.end).toBe('heartbeat')
  expect(hung).toBe(true)
  expect(steppedSince).toBeGreaterThan(3 * lease.fragmentLength)
  expect(stepped).toBeGreaterThan(steppedSince - 1)
  expectAccount(report, await drain(queue), lease)
  expect(clock.sleeping).toBe(0)
})

test.each([
  {
    what: 'an env that throws',
    code: /E_ENV_STEP|E_ROLLOUT/,
    sentence: 'wheel fell off',
    sent: 2,
    source: cartPole((step) => {
      if (step > 12) throw new Error('the wheel fell off')
    }),
  },
  {
    what: 'an env that does not exist',
    code: /E_ENV_UNKNOWN/,
    sentence: "did you mean 'CartPole-v1'",
    sent: 0,
    source: 'CartPole-v2',
  },
])(
  '$what ends a lease with an error report that says so, after everything that was made has arrived',
  async (fault) => {
    const [store, queue] = [memoryStore(), memoryQueue()]
    await publish(store)
    const lease = leaseOf({ maxFragments: 9, numEnvs: 1 })
    const report = await work(lease, { store, queue, source: fault.source })
    expect(report.end).toBe('error')
    expect(report.error?.code).toMatch(fault.code)
    expect(report.error?.message).toContain(fault.sentence)
    const messages = await drain(queue)
    expectAccount(report, messages, lease)
    expect(report.fragments).toBe(fault.sent)
  },
)

test('sends that are still on their way when an env fails arrive before the report', async () => {
  const clock = virtualClock()
  const [store, inner] = [memoryStore(), memoryQueue({ clock })]
  await publish(store)
  const queue: BatchQueue = {
    ...inner,
    async send(body) {
      if (body.includes('"fragment"')) await clock.sleep(300)
      await inner.send(body)
    },
  }
  const source = cartPole((step) => {
    if (step > 10) throw new Error('the wheel fell off')
  })
  const lease = leaseOf({ numEnvs: 1 })
  const report = await driven(clock, work(lease, { store, queue, clock, source }), 50)
  expect(report).toMatchObject({ end: 'error', fragments: 2 })
  expectAccount(report, await drain(inner), lease)
})

test('a bucket that fails a spilled body ends the lease with its error; what did not arrive is not counted', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  store.failNext('put')
  const lease = leaseOf({ spillAboveBytes: 0, maxSendsInFlight: 1 })
  const report = await work(lease, { store, queue })
  expect(report).toMatchObject({ end: 'error', fragments: 0, envSteps: 0, error: { code: 'E_STORE' } })
  expectAccount(report, await drain(queue), lease)
})

test('a bucket that fails the manifest ends the lease with its error', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  store.failNext('get')
  const lease = leaseOf()
  const report = await work(lease, { store, queue })
  expect(report).toMatchObject({ end: 'error', fragments: 0, error: { code: 'E_STORE' } })
  expectAccount(report, await drain(queue), lease)
})

test('a queue that fails once ends the lease with its error; one that fails for good rejects, so that the host knows', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  const lease = leaseOf({ maxSendsInFlight: 1, maxFragments: 9 })
  queue.failNext('send')
  const report = await work(lease, { store, queue })
  expect(report).toMatchObject({ end: 'error', error: { code: 'E_QUEUE' } })
  expectAccount(report, await drain(queue), lease)
  queue.failNext('send', 100)
  await expect(work(lease, { store, queue })).rejects.toMatchObject({ code: 'E_QUEUE' })
})

test('a policy that is not in the bucket ends the lease with E_POLICY_MODEL', async () => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  const { policy } = await publish(store, { inline: false })
  await store.delete([policy.key])
  const report = await work(leaseOf(), { store, queue })
  expect(report).toMatchObject({ end: 'error', fragments: 0, error: { code: 'E_POLICY_MODEL' } })
})

test('sending overlaps stepping: with every send held up, stepping goes on until the sends in flight are as many as may be', async () => {
  const [store, inner] = [memoryStore(), memoryQueue()]
  await publish(store)
  const gates: (() => void)[] = []
  let [inFlight, most, steps] = [0, 0, 0]
  let arrived: () => void = () => undefined
  const queue: BatchQueue = {
    ...inner,
    async send(body) {
      if (!body.includes('"fragment"')) return inner.send(body)
      most = Math.max(most, ++inFlight)
      await new Promise<void>((resolve) => {
        gates.push(resolve)
        arrived()
      })
      inFlight--
      await inner.send(body)
    },
  }
  const lease = leaseOf({ maxFragments: 7, maxSendsInFlight: 3 })
  const source = cartPole(() => steps++)
  const working = work(lease, { store, queue, source })
  const sent = async (count: number) => {
    while (gates.length < count) await new Promise<void>((resolve) => (arrived = resolve))
  }
  await sent(3)
  while (steps < 4 * lease.fragmentLength) await new Promise(setImmediate)
  // The fourth fragment is made and waits; no further step is taken.
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  expect(steps).toBe(4 * lease.fragmentLength)
  for (let released = 0; released < 7; released++) {
    await sent(released + 1)
    gates[released]?.()
  }
  const report = await working
  expect(most).toBe(3)
  expectAccount(report, await drain(inner), lease)
})

test('exact pacing: fragment n carries the very version it asks for, however the versions came out', async () => {
  const [store, inner] = [memoryStore(), memoryQueue()]
  const versions = async (newest: number) => {
    for (let version = 0; version <= newest; version++) await publish(store, { version, inline: version % 2 === 0 })
  }
  await versions(1)
  const queue: BatchQueue = {
    ...inner,
    async send(body) {
      await inner.send(body)
      // Two versions at once, then none for a while.
      if (inner.visible === 4) await versions(3)
      if (inner.visible === 8) await versions(5)
    },
  }
  const lease = leaseOf({
    maxFragments: 12,
    maxSendsInFlight: 1,
    pacing: { mode: 'exact', perVersion: 2, lead: 1, patienceMs: 1 },
  })
  const report = await work(lease, { store, queue })
  expect(report.end).toBe('fragments')
  const batches = await opened(await drain(inner), store)
  for (const { provenance, columns } of batches) {
    const wanted = Math.max(0, Math.floor(provenance.sequence / 2) - 1)
    expect(provenance.policyVersion).toBe(wanted)
    expect(new Set(columns['policy_versions']?.data)).toEqual(new Set([wanted]))
  }
})

test('newest pacing: the window holds until something was consumed, and patience lets one more fragment through', async () => {
  const clock = virtualClock()
  const [store, queue] = [memoryStore(), memoryQueue({ clock })]
  await publish(store)
  const lease = leaseOf({
    maxFragments: 8,
    manifestPollMs: 1,
    pacing: { mode: 'newest', perVersion: 1.5, lead: 1, patienceMs: 1000 },
  })
  const working = work(lease, { store, queue, clock })
  const reached = async (fragments: number) => {
    while (queue.visible < fragments) await clock.advance(0.01)
    for (let i = 0; i < 20; i++) await clock.advance(1)
    expect(queue.visible).toBe(fragments)
  }
  await reached(3)
  await publish(store, { version: 1 }, { consumed: [2] })
  await reached(5)
  await clock.advance(1000)
  await reached(6)
  await publish(store, { version: 2 }, { consumed: [6] })
  const report = await driven(clock, working)
  expect(report).toMatchObject({ end: 'fragments', fragments: 8 })
  expect(report.waitingMs).toBeGreaterThan(1000)
  const batches = await opened(await drain(queue), store)
  expect(batches.map(({ provenance }) => provenance.policyVersion)).toEqual([0, 0, 0, 1, 1, 1, 2, 2])
  expect(clock.sleeping).toBe(0)
})

const HOUR_MS = 3_600_000
const HEARTBEAT_MS = 15_000

/** A store whose manifest a learner that lives writes every so often, by a wall clock that is off by `offMs()`. */
function livingLearner(clock: VirtualClock, offMs: () => number, everyMs = 2_000) {
  const store = memoryStore()
  let dead = false
  const write = () =>
    publish(store, {}, { heartbeatUntil: clock.now() + offMs() + HEARTBEAT_MS, heartbeatMs: HEARTBEAT_MS })
  const beat = async () => {
    for (await write(); !dead;) {
      await clock.sleep(everyMs)
      if (!dead) await write()
    }
  }
  return { store, beat: beat(), die: () => (dead = true) }
}
const slow = (clock: VirtualClock) => ({
  clock,
  // Steps take no time on a virtual clock: a fragment that may not be stepped yet makes the function wait.
  queue: memoryQueue({ clock }),
})
/** A pace that lets one fragment through every `patienceMs`. */
const pacing = { mode: 'newest', perVersion: 0.5, lead: 0, patienceMs: 1_000 } as const

test.each([HOUR_MS, -HOUR_MS])(
  'a wall clock that is set by %d ms in the middle of a lease neither ends nor lengthens it',
  async (jumpMs) => {
    const clock = virtualClock()
    const learner = livingLearner(clock, () => 0)
    const from = clock.monotonic()
    const lease = leaseOf({ deadline: clock.now() + 60_000, maxFragments: ENDLESS, manifestPollMs: 100, pacing })
    void clock.sleep(20_000).then(() => clock.set(clock.now() + jumpMs))
    const report = await driven(clock, work(lease, { store: learner.store, ...slow(clock) }), 500)
    learner.die()
    expect(report.end).toBe('deadline')
    expect(clock.monotonic() - from).toBeGreaterThan(59_000)
    expect(clock.monotonic() - from).toBeLessThan(61_000)
    expect(report.totalMs).toBeCloseTo(59_500, -3)
  },
)

test.each([HOUR_MS, -HOUR_MS])(
  'a learner whose clock is %d ms off is heard, and its lease ends when it means it to',
  async (offMs) => {
    const clock = virtualClock()
    const learner = livingLearner(clock, () => offMs)
    await clock.advance(1)
    const worker = new RolloutWorker()
    for (const [leaseMs, least] of [
      [60_000, 54_000],
      [8_000, 7_000],
    ] as const) {
      const from = clock.monotonic()
      const deadline = clock.now() + offMs + leaseMs
      const lease = leaseOf({ deadline, maxFragments: ENDLESS, manifestPollMs: 100, pacing })
      const report = await driven(clock, work(lease, { store: learner.store, worker, ...slow(clock) }), 100)
      expect(report.end).toBe('deadline')
      expect(report.fragments).toBeGreaterThan(5)
      expect(clock.monotonic() - from).toBeGreaterThan(least)
      expect(clock.monotonic() - from).toBeLessThan(leaseMs + 3_000)
    }
    learner.die()
  },
)

test.each([0, HOUR_MS, -HOUR_MS])(
  'a learner that dies costs no more than a heartbeat, though its clock be %d ms off',
  async (offMs) => {
    const clock = virtualClock()
    const learner = livingLearner(clock, () => offMs)
    await clock.advance(1)
    const lease = leaseOf({
      deadline: clock.now() + offMs + 10 * HOUR_MS,
      maxFragments: ENDLESS,
      manifestPollMs: 100,
      pacing,
    })
    void clock.sleep(30_000).then(learner.die)
    const from = clock.monotonic()
    const report = await driven(clock, work(lease, { store: learner.store, ...slow(clock) }), 500)
    expect(report.end).toBe('heartbeat')
    expect(clock.monotonic() - from).toBeGreaterThan(30_000)
    expect(clock.monotonic() - from).toBeLessThan(30_000 + HEARTBEAT_MS + 2_000)
  },
)

test('a learner that is dead already is waited for a few seconds, and nothing is stepped', async () => {
  const clock = virtualClock()
  const store = memoryStore()
  await publish(store, {}, { heartbeatUntil: clock.now() - 1, heartbeatMs: HEARTBEAT_MS })
  const from = clock.monotonic()
  const report = await driven(clock, work(leaseOf(), { store, ...slow(clock) }), 100)
  expect(report).toMatchObject({ end: 'heartbeat', fragments: 0 })
  expect(clock.monotonic() - from).toBeLessThan(5_500)
})

test('a lease never lasts longer than it is long, whatever the clocks say', async () => {
  const clock = virtualClock()
  const learner = livingLearner(clock, () => 0)
  await clock.advance(1)
  const lease = leaseOf({
    deadline: clock.now() + HOUR_MS,
    maxMs: 10_000,
    maxFragments: ENDLESS,
    manifestPollMs: 100,
    pacing,
  })
  const report = await driven(clock, work(lease, { store: learner.store, ...slow(clock) }), 500)
  learner.die()
  expect(report.end).toBe('deadline')
  expect(report.totalMs).toBeLessThanOrEqual(10_000)
})

test('a function that only waits gives its place up where others want it, and another goes on from where it stood', async () => {
  const clock = virtualClock()
  const [store, queue] = [memoryStore(), memoryQueue({ clock })]
  const exact = { mode: 'exact', perVersion: 2, lead: 0, patienceMs: 1_000 } as const
  const lease = leaseOf({ maxFragments: ENDLESS, pacing: exact, deadline: clock.now() + 60_000 })
  await publish(store)
  const from = clock.monotonic()
  const waiting = driven(clock, work(lease, { store, queue, clock }), 10)
  void clock.sleep(5_000).then(() => publish(store, {}, { handOver: true }))
  const report = await waiting
  expect(report).toMatchObject({ end: 'fragments', fragments: 2, nextSequence: 2, envState: expect.anything() })
  expect(clock.monotonic() - from).toBeGreaterThan(5_000)
  expect(clock.monotonic() - from).toBeLessThan(6_000)
  // One whose env cannot be saved keeps its place: nobody could go on.
  const source = { ...cartPole(() => undefined) }
  const kept = await driven(
    clock,
    work({ ...lease, deadline: clock.now() + 10_000 }, { store, queue, clock, source }),
    10,
  )
  expect(kept).toMatchObject({ end: 'deadline', fragments: 2 })
})

import { expect, test } from 'vitest'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { badQueue, badStore, percent } from '../../fakes/badMinutes.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { drain, driven, fragmentsOf, leaseOf, publish, work } from './leases.ts'

const spilled = { spillAboveBytes: 0, maxFragments: 40 }

function worldOf() {
  const clock = virtualClock()
  const [store, queue] = [memoryStore(), memoryQueue({ clock })]
  const began = clock.monotonic()
  return { clock, store, queue, passed: () => clock.monotonic() - began }
}

/** The fragments in the queue, each once, are those that the report counts. */
async function expectWhole(report: LeaseReport, queue: ReturnType<typeof memoryQueue>): Promise<void> {
  const sequences = new Set(fragmentsOf(await drain(queue)).map(({ sequence }) => sequence))
  expect([...sequences].sort((a, b) => a - b)).toEqual(Array.from({ length: report.fragments }, (_, n) => n))
}

test('one manifest poll that fails, or a hundred, end no lease: the heartbeat decides', async () => {
  const { clock, store, queue, passed } = worldOf()
  await publish(store, {}, { heartbeatUntil: clock.now() + 15_000, heartbeatMs: 15_000 })
  const failing = badStore(store, (call) => call === 'get' && passed() > 0)
  const pacing = { mode: 'newest', perVersion: 1, lead: 0, patienceMs: 60_000 } as const
  const working = work(leaseOf({ pacing, maxFragments: 9 }), { store: failing, queue, clock })
  const report = await driven(clock, working, 100)
  expect(report.end).toBe('heartbeat')
  expect(report.error).toBeUndefined()
  expect(passed()).toBeGreaterThan(14_900)
})

test('a manifest that is damaged once is read again', async () => {
  const { clock, store, queue } = worldOf()
  await publish(store)
  let reads = 0
  const damaged = {
    ...store,
    async get(...given: Parameters<typeof store.get>) {
      const found = await store.get(given[0])
      return found.kind === 'found' && ++reads === 2 ? { ...found, body: found.body.subarray(9) } : found
    },
  }
  const report = await driven(clock, work(leaseOf({ maxFragments: 9 }), { store: damaged, queue, clock }), 100)
  expect(report).toMatchObject({ end: 'fragments', fragments: 9 })
  expect(reads).toBeGreaterThan(2)
})

test('a bucket that cannot be read from the start on is the reason, and not that the learner is not heard', async () => {
  const { clock, store, queue } = worldOf()
  await publish(store)
  const failing = badStore(store, (call) => call === 'get')
  const report = await driven(clock, work(leaseOf(), { store: failing, queue, clock }), 1_000)
  expect(report).toMatchObject({ end: 'error', error: { code: 'E_STORE', where: { mayPass: true } } })
})

test.each([2_000, 60_000])(
  'an outage of S3 and SQS of %d ms in the middle of a lease loses no fragment',
  async (ms) => {
    const { clock, store, queue, passed } = worldOf()
    await publish(store)
    let sent = 0
    let outFrom = Infinity
    const out = () => passed() >= outFrom && passed() < outFrom + ms
    const counting = badQueue(queue, () => {
      if (++sent === 10) outFrom = passed()
      return out()
    })
    const working = work(leaseOf(spilled), { store: badStore(store, out), queue: counting, clock })
    const report = await driven(clock, working, 100)
    expect(report).toMatchObject({ end: 'fragments', fragments: 40 })
    expect(passed()).toBeGreaterThanOrEqual(ms)
    await expectWhole(report, queue)
  },
)

test('with 30 % of all calls refused, and half of the refused sends taken, a lease sends every fragment and says goodbye', async () => {
  const { clock, store, queue } = worldOf()
  await publish(store)
  const failing = badStore(store, percent(30, 1))
  const working = work(leaseOf(spilled), {
    store: failing,
    queue: badQueue(queue, percent(30, 2), percent(50, 3)),
    clock,
  })
  const report = await driven(clock, working, 100)
  expect(report).toMatchObject({ end: 'fragments', fragments: 40 })
  await expectWhole(report, queue)
})

test('a send that is refused for good ends the lease at once, also while it waits for a policy', async () => {
  const { clock, store, queue, passed } = worldOf()
  await publish(store)
  queue.failNext('send')
  const pacing = { mode: 'newest', perVersion: 1, lead: 0, patienceMs: 600_000 } as const
  const report = await driven(clock, work(leaseOf({ pacing }), { store, queue, clock }), 10)
  expect(report).toMatchObject({ end: 'error', fragments: 0, error: { code: 'E_QUEUE' } })
  expect(passed()).toBeLessThan(2_000)
})

test('sends are tried again until some seconds after the deadline, and no longer than the learner is there', async () => {
  const one = worldOf()
  await publish(one.store)
  const deadline = one.clock.now() + 20_000
  const failing = badQueue(one.queue, () => true)
  const lost = driven(
    one.clock,
    work(leaseOf({ deadline }), { store: one.store, queue: failing, clock: one.clock }),
    100,
  )
  await expect(lost).rejects.toMatchObject({ code: 'E_QUEUE' })
  expect(one.passed()).toBeGreaterThan(20_000)
  expect(one.passed()).toBeLessThan(25_000)
  const two = worldOf()
  await publish(two.store, {}, { heartbeatUntil: two.clock.now() + 15_000, heartbeatMs: 15_000 })
  const bodiless = badStore(two.store, (call) => call === 'put')
  const report = await driven(two.clock, work(leaseOf(spilled), { ...two, store: bodiless }), 100)
  expect(report).toMatchObject({ end: 'error', fragments: 0, error: { code: 'E_STORE', where: { mayPass: true } } })
  expect(two.passed()).toBeLessThan(21_000)
})

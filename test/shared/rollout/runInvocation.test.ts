import { expect, test } from 'vitest'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { CartPole } from '../../../shared/env/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { Lease } from '../../../shared/protocol/lease.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { RUN, drain, driven, fragmentsOf, leaseOf, publish, workAll } from './leases.ts'

const SHARDS = [0, 1, 2, 3]
const exact = { mode: 'exact', perVersion: 1, lead: 0, patienceMs: 1000 } as const
const leaseFor = (shard: number, changes: Partial<Lease> = {}) =>
  leaseOf({ shard, lease: `lease-${shard}`, ...changes })

/** Works on leases of these shards, side by side; what they sent, by shard. */
async function sent(
  shards: readonly [number, ...number[]],
  {
    changes = {},
    store = memoryStore(),
    source,
  }: { changes?: Partial<Lease>; store?: ObjectStore; source?: typeof CartPole } = {},
) {
  const queue = memoryQueue({ clock: virtualClock() })
  await publish(store)
  const [first, ...rest] = shards
  const of = (shard: number) => leaseFor(shard, changes)
  const reports = await workAll([of(first), ...rest.map(of)], { store, queue, ...(source && { source }) })
  const bodies = new Map<number, string[]>()
  for (const { shard, sequence, sha256 } of fragmentsOf(await drain(queue))) {
    const of = bodies.get(shard) ?? []
    bodies.set(shard, of)
    of[sequence] = sha256
  }
  return { reports, bodies }
}

test('what a stream holds is the same bytes, whoever else is worked on by the same function', async () => {
  const together = await sent([0, 1, 2, 3])
  expect(together.bodies.get(0)).not.toEqual(together.bodies.get(1))
  for (const shard of SHARDS) {
    const alone = await sent([shard])
    expect(together.bodies.get(shard)).toEqual(alone.bodies.get(shard))
    expect(together.bodies.get(shard)).toHaveLength(3)
  }
  const pair = await sent([3, 1])
  expect(pair.bodies.get(1)).toEqual(together.bodies.get(1))
})

test('one report for each lease, in their order; requests of the manifest are on one bill each', async () => {
  const store = memoryStore()
  const { reports } = await sent([2, 0, 1], { store })
  expect(reports.map(({ shard, end, fragments }) => [shard, end, fragments])).toEqual([
    [2, 'fragments', 3],
    [0, 'fragments', 3],
    [1, 'fragments', 3],
  ])
  const gets = reports.reduce((sum, { requests }) => sum + requests.s3Get, 0)
  expect(gets).toBe(store.requests.get)
})

test('a policy that lies in the bucket is read once for all streams', async () => {
  const store = memoryStore()
  const [queue, reads] = [memoryQueue({ clock: virtualClock() }), { policies: 0 }]
  await publish(store, { inline: false })
  const counted: ObjectStore = {
    ...store,
    get: (key, options) => {
      if (key === keys.policy(RUN, 0)) reads.policies++
      return store.get(key, options)
    },
  }
  await workAll([leaseFor(0), leaseFor(1), leaseFor(2)], { store: counted, queue })
  expect(reads.policies).toBe(1)
})

test('a stream whose env fails ends alone: the others make what they would have made', async () => {
  let made = 0
  class SecondFails extends CartPole {
    private readonly fails = made++ >= 4 && made <= 8
    private steps = 0
    override step(...args: Parameters<CartPole['step']>) {
      if (this.fails && ++this.steps > 7) throw new Error('the wheel fell off')
      return super.step(...args)
    }
  }
  const { reports, bodies } = await sent([0, 1, 2], { source: SecondFails })
  expect(reports.map(({ end }) => end)).toEqual(['fragments', 'error', 'fragments'])
  expect(reports[1]?.error).toMatchObject({ code: 'E_ENV_STEP', where: { shard: 1 } })
  expect([bodies.get(0)?.length, bodies.get(2)?.length]).toEqual([3, 3])
})

test('a function gives its place up only when none of its streams has anything to do', async () => {
  const [clock, store] = [virtualClock(), memoryStore()]
  const queue = memoryQueue({ clock: virtualClock() })
  await publish(store, {}, { handOver: true })
  // The first waits for version 1, the second may step twenty fragments with version 0.
  const waits = leaseFor(0, { pacing: exact, maxFragments: 5 })
  const works = leaseFor(1, { pacing: { ...exact, perVersion: 20 }, maxFragments: 50 })
  const reports = await driven(clock, workAll([waits, works], { store, queue, clock }))
  expect(reports.map(({ end, fragments }) => [end, fragments])).toEqual([
    ['fragments', 1],
    ['fragments', 20],
  ])
})

test('streams that wait look at the manifest together: no more often than one alone', async () => {
  const requests = async (shards: readonly [number, ...number[]]) => {
    const [clock, store] = [virtualClock(), memoryStore()]
    const queue = memoryQueue({ clock: virtualClock() })
    await publish(store)
    const [first, ...rest] = shards
    const of = (shard: number) => leaseFor(shard, { pacing: exact, maxFragments: 2 })
    const working = workAll([of(first), ...rest.map(of)], { store, queue, clock })
    for (let ms = 0; ms < 3_000; ms += 10) await clock.advance(10)
    await publish(store, { version: 1 })
    const reports = await driven(clock, working)
    expect(reports.map(({ fragments }) => fragments)).toEqual(shards.map(() => 2))
    return store.requests.get
  }
  const alone = await requests([0])
  expect(await requests([0, 1, 2, 3, 4, 5, 6, 7])).toBeLessThan(alone + 16)
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { functionOf } from '../../../../learner/rollouts/functionsOf.ts'
import { US_EAST_1 } from '../../../../shared/cost/priceBook.ts'
import { parseInvocation } from '../../../../shared/protocol/invocation.ts'
import type { Lease } from '../../../../shared/protocol/lease.ts'
import { LATE_MS, LEASE_MS, keeperOf } from '../keepers.ts'

// The system clock under fake timers: watchdogs and pauses take no time here.
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const SHARDS = 8
const failed = { end: 'error', error: { code: 'E_ENV_STEP', message: 'the wheel fell off' } } as const

const byFirst = ([a = 0]: readonly number[], [b = 0]: readonly number[]): number => a - b

/** Two functions that work on four shards each. */
function pairOf(changes: Parameters<typeof keeperOf>[0] = {}, room: Parameters<typeof keeperOf>[1] = {}) {
  const of = (shard: number) => functionOf(shard, { shards: SHARDS, functions: 2 })
  const k = keeperOf({ functionOf: of, ...changes }, { functions: 2, ...room })
  const shards = () => k.invocations().map((leases) => leases.map(({ shard }) => shard))
  return { ...k, shards }
}

test('the shards of one function begin together, end together and are renewed together, each where it stood', async () => {
  const k = pairOf()
  await k.open(SHARDS)
  expect(k.shards()).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ])
  expect(new Set(k.leases().map(({ deadline }) => deadline))).toEqual(new Set([Date.now() + LEASE_MS]))
  expect(k.keeper.functions).toBe(2)
  await vi.advanceTimersByTimeAsync(LEASE_MS - 500)
  for (const shard of [3, 1, 0]) await k.ends(shard, { end: 'deadline', fragments: shard + 1 })
  expect(k.invocations()).toHaveLength(2)
  await k.ends(2, { end: 'deadline', fragments: 9 })
  expect(k.invocations()).toHaveLength(3)
  expect(k.invocations()[2]).toMatchObject([
    { shard: 3, firstSequence: 4 },
    { shard: 1, firstSequence: 2 },
    { shard: 0, firstSequence: 1 },
    { shard: 2, firstSequence: 9 },
  ])
  k.abort.abort()
  await k.keeper.close()
})

test('a stream that fails is tried again alone, until the others end, and is then renewed with them', async () => {
  const k = pairOf()
  await k.open(SHARDS)
  const { deadline } = k.leases()[0]!
  await vi.advanceTimersByTimeAsync(LEASE_MS / 2)
  await k.ends(1, { ...failed, fragments: 30 })
  await vi.advanceTimersByTimeAsync(50)
  expect(k.shards().slice(2)).toEqual([[1]])
  expect(k.leases().at(-1)).toMatchObject({ deadline, retry: 1 })
  expect(k.keeper.functions).toBe(3)
  await vi.advanceTimersByTimeAsync(LEASE_MS / 2 - 100)
  for (const shard of [0, 1, 2, 3]) await k.ends(shard, { end: 'deadline', fragments: 5 })
  expect(k.shards().slice(3)).toEqual([[0, 1, 2, 3]])
  expect(k.keeper.functions).toBe(2)
  k.abort.abort()
  await k.keeper.close()
})

test('one that fails shortly before the others end gets a whole lease, and all end with it the next time', async () => {
  const k = pairOf()
  await k.open(SHARDS)
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1_000)
  await k.ends(1, { ...failed, fragments: 30 })
  await vi.advanceTimersByTimeAsync(50)
  const { deadline } = k.leases().at(-1)!
  expect(deadline).toBeGreaterThan(Date.now() + LEASE_MS - 100)
  for (const shard of [0, 2, 3]) await k.ends(shard, { end: 'deadline', fragments: 5 })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(k.shards().at(-1)).toEqual([0, 2, 3])
  for (const lease of k.invocations().at(-1)!) expect(Math.abs(lease.deadline - deadline)).toBeLessThan(1)
  k.abort.abort()
  await k.keeper.close()
})

test('one whose goodbye does not come holds the others up for two seconds, and joins them again', async () => {
  const k = pairOf()
  await k.open(SHARDS)
  await vi.advanceTimersByTimeAsync(LEASE_MS - 500)
  for (const shard of [0, 1, 2]) await k.ends(shard, { end: 'deadline', fragments: 5 })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(k.shards().slice(2)).toEqual([[0, 1, 2]])
  const { deadline } = k.leases().at(-1)!
  // The other function says nothing either.
  await vi.advanceTimersByTimeAsync(LATE_MS)
  expect(k.shards().slice(3).toSorted(byFirst)).toEqual([[3], [4, 5, 6, 7]])
  expect(k.leases().findLast(({ shard }) => shard === 3)?.deadline).toBe(deadline)
  k.abort.abort()
  await k.keeper.close()
})

/** An invoker whose answers carry names, as Lambda's do. */
function namedInvoker() {
  const invocations: (readonly Lease[])[] = []
  return {
    invocations,
    async invoke(payload: Uint8Array) {
      invocations.push(parseInvocation(JSON.parse(new TextDecoder().decode(payload))))
      return { kind: 'accepted' as const, requestId: `request-${invocations.length}` }
    },
  }
}

test('a function that crashes ends all its leases: they are begun anew together, its place is free once, its time is paid once', async () => {
  const invoker = namedInvoker()
  const k = pairOf({ invoker, goOnAt: (_shard, sentUpTo) => sentUpTo + 3 }, { concurrency: 2 })
  await k.open(SHARDS)
  const before = k.meter.byPart()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(k.meter.byPart().functions - before.functions).toBeCloseTo(2 * 10 * US_EAST_1.functionGbSecond.usd, 12)
  k.keeper.crashed('request-2', 'the function ended with OutOfMemory')
  k.keeper.crashed('request-2', 'the function ended with OutOfMemory')
  await vi.advanceTimersByTimeAsync(50)
  expect(invoker.invocations).toHaveLength(3)
  expect(invoker.invocations[2]).toMatchObject([4, 5, 6, 7].map((shard) => ({ shard, firstSequence: 3, retry: 1 })))
  expect(k.keeper.functions).toBe(2)
  // Both places are taken: nobody waits for a third.
  await vi.advanceTimersByTimeAsync(10_000)
  const seconds = 2 * 10 + 2 * 10.05
  const paid = seconds * US_EAST_1.functionGbSecond.usd + 3 * US_EAST_1.functionRequest.usd
  expect(k.meter.byPart().functions).toBeCloseTo(paid, 6)
  expect(k.fatal).toEqual([])
  k.abort.abort()
  await k.keeper.close()
})

test('leases that Lambda never started are tried again together, after one pause', async () => {
  const k = pairOf({ functionOf: () => 0 }, { functions: 1 })
  await k.open(4)
  for (const { shard, lease } of k.leases())
    k.keeper.cameToNothing({ shard, lease, started: false, reason: 'it was not started' })
  await vi.advanceTimersByTimeAsync(4_999)
  expect(k.invocations()).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(k.shards().slice(1)).toEqual([[0, 1, 2, 3]])
  k.abort.abort()
  await k.keeper.close()
})

test('a refused invocation is tried again with all its leases under new names', async () => {
  const k = pairOf()
  k.invoker.throttleNext(1)
  k.invoker.loseNext(1)
  await k.open(SHARDS)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(k.shards().toSorted(byFirst)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ])
  expect(new Set(k.leases().map(({ lease }) => lease)).size).toBe(SHARDS)
  expect({ functions: k.keeper.functions, fatal: k.fatal }).toEqual({ functions: 2, fatal: [] })
  k.abort.abort()
  await k.keeper.close()
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { functionOf, functionsOf } from '../../../../learner/rollouts/functionsOf.ts'
import { Groups, type Wish } from '../../../../learner/rollouts/leases/groups.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'

const SHARDS = 8
const WAIT_MS = 100

/** Groups on a virtual clock; what they passed on, and when. */
function grouping(functions: number) {
  const clock = virtualClock()
  const abort = new AbortController()
  const passed: { readonly at: number; readonly wishes: readonly Wish[] }[] = []
  const of = (shard: number) => functionOf(shard, { shards: SHARDS, functions })
  const groups = new Groups({ functionOf: of, clock, signal: abort.signal }, (wishes) =>
    passed.push({ at: clock.monotonic(), wishes }),
  )
  const want = (shard: number, ticket: number, { afterMs = 0, waitMs = WAIT_MS } = {}) =>
    void groups.want({ shard, start: { firstSequence: 0 }, ticket }, { afterMs, waitMs })
  return { clock, abort, passed, groups, of, want }
}

test('shards that lie together have one function, each function as many as the others, or one more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }), (shards, some) => {
      const functions = Math.min(shards, some)
      const of = Array.from({ length: shards }, (_, shard) => functionOf(shard, { shards, functions }))
      expect(of).toEqual(of.toSorted((a, b) => a - b))
      const counts = Array.from({ length: functions }, (_, n) => of.filter((one) => one === n).length)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(1)
    }),
  )
})

test('one function for each shard unless told, as far as the cloud has them, and never more shards for one than a payload holds', () => {
  expect(functionsOf({ shards: 64 })).toBe(64)
  expect(functionsOf({ shards: 64 }, 10)).toBe(10)
  expect(functionsOf({ shards: 64, functions: 4 }, 10)).toBe(4)
  expect(functionsOf({ shards: 64, functions: 16 }, 10)).toBe(16)
  expect(functionsOf({ shards: 3_000 }, 1)).toBe(3)
})

const steps = fc.array(
  fc.record({
    shard: fc.nat(SHARDS - 1),
    pauseMs: fc.constantFrom(0, 0, 0, 30, 150),
    afterMs: fc.constantFrom(0, 0, 40),
    /** Is its lease over for good? */
    ends: fc.boolean(),
  }),
  { maxLength: 60 },
)

test('whenever leases end, every wish is passed on once, with wishes of its own function only, and waits no longer than it may', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 2, 3, 8), steps, async (functions, events) => {
      const { clock, passed, groups, of, want } = grouping(functions)
      const wantedAt = new Map<number, number>()
      const working = new Set<number>()
      let tickets = 0
      const wish = (shard: number, afterMs = 0) => {
        wantedAt.set(tickets, clock.monotonic() + afterMs)
        working.delete(shard)
        want(shard, tickets++, { afterMs })
      }
      groups.open(SHARDS)
      for (let shard = 0; shard < SHARDS; shard++) wish(shard)
      await clock.advance(0)
      // All that one function works on begin together.
      expect(passed).toHaveLength(functions)
      let seen = 0
      const update = () => {
        for (const { wishes } of passed.slice(seen)) for (const { shard } of wishes) working.add(shard)
        seen = passed.length
      }
      for (const { shard, pauseMs, afterMs, ends } of events) {
        await clock.advance(pauseMs)
        update()
        if (!working.has(shard)) continue
        groups.over(shard)
        working.delete(shard)
        if (!ends) wish(shard, afterMs)
      }
      await clock.advance(1_000)
      const all = passed.flatMap(({ at, wishes }) => wishes.map(({ ticket }) => [ticket, at] as const))
      expect(all.map(([ticket]) => ticket).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: tickets }, (_, n) => n),
      )
      for (const [ticket, at] of all) expect(at - (wantedAt.get(ticket) ?? 0)).toBeLessThanOrEqual(WAIT_MS)
      for (const { wishes } of passed) expect(new Set(wishes.map(({ shard }) => of(shard))).size).toBe(1)
    }),
  )
})

test('leases that end one after the other are renewed together, as soon as the last of them is over', async () => {
  const { clock, passed, groups, want } = grouping(2)
  groups.open(SHARDS)
  for (let shard = 0; shard < SHARDS; shard++) want(shard, shard)
  for (const shard of [2, 0, 3, 1]) {
    await clock.advance(20)
    groups.over(shard)
    want(shard, 10 + shard)
  }
  expect(passed.map(({ wishes }) => wishes.map(({ shard }) => shard))).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [2, 0, 3, 1],
  ])
  // The last of four is over for good: the others wait no longer.
  for (const shard of [4, 5, 6]) {
    groups.over(shard)
    want(shard, 20 + shard)
  }
  groups.over(7)
  await clock.advance(0)
  expect(passed.at(-1)?.wishes.map(({ shard }) => shard)).toEqual([4, 5, 6])
})

test('after the end of the run nothing is passed on, and no timer is left', async () => {
  const { clock, abort, passed, groups, want } = grouping(1)
  groups.open(SHARDS)
  for (let shard = 0; shard < 3; shard++) want(shard, shard)
  abort.abort()
  await clock.advance(0)
  expect({ passed, sleeping: clock.sleeping }).toEqual({ passed: [], sleeping: 0 })
})

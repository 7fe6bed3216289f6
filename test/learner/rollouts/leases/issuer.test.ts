import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LeaseKeeper } from '../../../../learner/rollouts/leases/leaseKeeper.ts'
import { US_EAST_1 } from '../../../../shared/cost/priceBook.ts'
import { MillraceError } from '../../../../shared/errors.ts'
import { parseInvocation } from '../../../../shared/protocol/invocation.ts'
import type { Lease } from '../../../../shared/protocol/lease.ts'
import { reportOf } from '../inboxes.ts'
import { LEASE_MS, keeperOf } from '../keepers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** An invoker that takes every lease and answers the first `lost` of them with nothing. */
function deafInvoker(lost: number, onTaken: (lease: Lease) => void = () => undefined) {
  const leases: Lease[] = []
  return {
    leases,
    async invoke(payload: Uint8Array) {
      const [lease] = parseInvocation(JSON.parse(new TextDecoder().decode(payload)))
      leases.push(lease)
      onTaken(lease)
      const error = new MillraceError('E_INVOKE', 'cannot invoke rollout: socket hang up (Error)')
      return leases.length <= lost ? { kind: 'unavailable' as const, error } : { kind: 'accepted' as const }
    },
  }
}

test('an invocation without an answer is tried again under a new lease, with pauses that double, and told once', async () => {
  const k = keeperOf()
  k.invoker.loseNext(14)
  await k.open(2)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(new Set(k.leases().map(({ shard }) => shard))).toEqual(new Set([0, 1]))
  expect(k.leases()).toHaveLength(2)
  expect(k.leases().map(({ lease }) => lease)).not.toContain('0-0')
  expect(k.events).toEqual([expect.stringMatching(/^no answer, as the test asked; trying again, for 3 minutes$/)])
  expect({ fatal: k.fatal, inFlight: k.keeper.functions }).toEqual({ fatal: [], inFlight: 2 })
})

test('an outage ends the run once it has lasted three minutes; one every few minutes never does', async () => {
  const k = keeperOf()
  await k.open(1)
  for (let n = 0; n < 5; n++) {
    k.invoker.loseNext(20)
    await k.ends(0, { fragments: 1 })
    await vi.advanceTimersByTimeAsync(140_000)
    expect(k.events.filter((text) => text.includes('no answer'))).toHaveLength(n + 1)
    k.keeper.alive(0)
  }
  expect(k.fatal).toEqual([])
  k.invoker.loseNext(1000)
  await k.ends(0, { fragments: 1 })
  await vi.advanceTimersByTimeAsync(179_000)
  expect(k.fatal).toEqual([])
  await vi.advanceTimersByTimeAsync(6_000)
  expect(k.fatal).toEqual([expect.objectContaining({ code: 'E_INVOKE' })])
  k.abort.abort()
  await k.keeper.close()
})

test('a lease that was taken without an answer: its goodbye is billed once, and neither renews nor fails its shard', async () => {
  const invoker = deafInvoker(1)
  const k = keeperOf({ invoker })
  await k.open(1)
  await vi.advanceTimersByTimeAsync(50)
  expect(invoker.leases).toMatchObject([
    { lease: '0-0', firstSequence: 0 },
    { lease: '0-1', firstSequence: 0 },
  ])
  const requests = { s3Put: 3, s3Get: 5, sqs: 7 }
  const before = k.meter.byPart()
  const late = reportOf({ shard: 0, lease: '0-0', end: 'error', fragments: 4, totalMs: 30_000, requests })
  k.keeper.ended(late)
  k.keeper.ended(late)
  k.keeper.cameToNothing({ shard: 0, lease: '0-0', started: true, reason: 'it crashed' })
  await k.settled()
  const { functions, s3 } = k.meter.byPart()
  expect(functions - before.functions).toBeCloseTo(
    30 * US_EAST_1.functionGbSecond.usd + US_EAST_1.functionRequest.usd,
    12,
  )
  expect(s3).toBeCloseTo(3 * US_EAST_1.s3Write.usd + 5 * US_EAST_1.s3Read.usd, 12)
  expect(invoker.leases).toHaveLength(2)
  expect(k.events).toHaveLength(1)
  // The one that is held goes on as ever.
  k.keeper.ended(reportOf({ shard: 0, lease: '0-1', fragments: 6 }))
  await k.settled()
  expect(invoker.leases.at(-1)).toMatchObject({ lease: '0-2', firstSequence: 6 })
})

test('a goodbye that comes before the lack of an answer renews its shard, once', async () => {
  let keeper: LeaseKeeper | undefined
  const invoker = deafInvoker(1, ({ lease }) => {
    if (lease === '0-0') keeper?.ended(reportOf({ shard: 0, lease, fragments: 2 }))
  })
  const k = keeperOf({ invoker })
  keeper = k.keeper
  await k.open(1)
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1)
  expect(invoker.leases).toMatchObject([{ firstSequence: 0 }, { firstSequence: 2 }])
  expect(k.keeper.functions).toBe(1)
})

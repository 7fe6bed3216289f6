import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LeaseKeeper } from '../../../../learner/rollouts/leases/leaseKeeper.ts'
import { US_EAST_1 } from '../../../../shared/cost/priceBook.ts'
import { parseInvocation } from '../../../../shared/protocol/invocation.ts'
import type { Lease } from '../../../../shared/protocol/lease.ts'
import { reportOf } from '../inboxes.ts'
import { LATE_MS, LEASE_MS, keeperOf } from '../keepers.ts'

// The system clock under fake timers: watchdogs and pauses take no time here.
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const failed = { end: 'error', error: { code: 'E_ENV_STEP', message: 'the wheel fell off' } } as const

test('every shard gets one lease, each with a name of its own, from sequence 0, with a deadline of one lease from now', async () => {
  const k = keeperOf()
  await k.open(4)
  expect(k.leases().map(({ shard }) => shard)).toEqual([0, 1, 2, 3])
  expect(new Set(k.leases().map(({ lease }) => lease)).size).toBe(4)
  for (const lease of k.leases()) {
    expect(lease).toMatchObject({ firstSequence: 0, deadline: Date.now() + LEASE_MS })
  }
  expect(k.keeper.functions).toBe(4)
})

test.each(['fragments', 'deadline', 'heartbeat'] as const)(
  'a lease that ended (%s) is renewed where it ended, again and again',
  async (end) => {
    const k = keeperOf()
    await k.open(2)
    await k.ends(1, { end, fragments: 7 })
    await k.ends(1, { end, fragments: 5 })
    await k.ends(0, { end, fragments: 1 })
    expect(k.leases().slice(2)).toMatchObject([
      { shard: 1, firstSequence: 7 },
      { shard: 1, firstSequence: 12 },
      { shard: 0, firstSequence: 1 },
    ])
    expect(new Set(k.leases().map(({ lease }) => lease)).size).toBe(5)
    expect(k.keeper.functions).toBe(2)
    expect({ events: k.events, fatal: k.fatal }).toEqual({ events: [], fatal: [] })
  },
)

test('a lease that ended because the learner said stop is not renewed', async () => {
  const k = keeperOf()
  await k.open(2)
  await k.ends(1, { end: 'stopped', fragments: 7 })
  expect(k.leases()).toHaveLength(2)
  expect(k.keeper.functions).toBe(1)
})

test('a goodbye that comes twice, or from a lease long replaced, starts nothing', async () => {
  const k = keeperOf()
  await k.open(1)
  const first = await k.ends(0, { fragments: 3 })
  k.keeper.ended(reportOf({ shard: 0, lease: first!.lease, fragments: 3 }))
  k.keeper.ended(reportOf({ shard: 9, lease: 'unheard-of' }))
  await k.settled()
  expect(k.leases()).toHaveLength(2)
  expect(k.keeper.functions).toBe(1)
})

test('a lease that says nothing after its deadline is lost: it is told, and replaced where its shard should go on', async () => {
  const asked: [number, number][] = []
  const k = keeperOf({
    goOnAt(shard, sentUpTo) {
      asked.push([shard, sentUpTo])
      return 41
    },
  })
  await k.open(2)
  await k.ends(1, { fragments: 6 })
  await vi.advanceTimersByTimeAsync(LEASE_MS + LATE_MS - 1)
  expect(k.leases()).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(1)
  expect(asked).toEqual([
    [0, 0],
    [1, 6],
  ])
  expect(k.leases().slice(3)).toMatchObject([
    { shard: 0, firstSequence: 41 },
    { shard: 1, firstSequence: 41 },
  ])
  expect(k.events).toHaveLength(2)
  expect(k.events[0]).toContain('lost')
  // Its late goodbye changes nothing.
  k.keeper.ended(reportOf({ shard: 0, lease: k.leases()[0]!.lease }))
  await k.settled()
  expect(k.leases()).toHaveLength(5)
})

test('a lease that said goodbye in time is never taken for lost', async () => {
  const k = keeperOf()
  await k.open(1)
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1)
  await k.ends(0)
  await vi.advanceTimersByTimeAsync(LATE_MS + 2)
  expect(k.leases()).toHaveLength(2)
  expect(k.events).toEqual([])
})

test('throttles are answered with pauses that double up to five seconds, and told once; the lease that comes through starts afresh', async () => {
  const k = keeperOf()
  let tries = 0
  const invoke = k.invoker.invoke.bind(k.invoker)
  k.invoker.invoke = (payload) => (tries++, invoke(payload))
  k.invoker.throttleNext(10)
  const from = Date.now()
  await k.open(1)
  const pauses: number[] = []
  while (k.leases().length === 0) {
    const [tried, before] = [tries, Date.now()]
    while (tries === tried) await vi.advanceTimersByTimeAsync(10)
    pauses.push(Date.now() - before)
  }
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  expect(k.leases()[0]).toMatchObject({ firstSequence: 0, deadline: Date.now() + LEASE_MS })
  expect(Date.now() - from).toBe(21_350)
  k.invoker.throttleNext(1)
  await k.ends(0, { fragments: 2 })
  await vi.advanceTimersByTimeAsync(50)
  expect(k.leases()[1]).toMatchObject({ firstSequence: 2 })
  expect(k.events).toEqual([
    expect.stringMatching(/^Lambda refuses to start more functions now .*others wait for their turn$/),
  ])
})

test('a lease that failed is told and replaced where its shard should go on: no shard is dropped for good (RLlib Flow’s Q7)', async () => {
  const k = keeperOf({ goOnAt: (_shard, sentUpTo) => sentUpTo - 1 })
  await k.open(1)
  await k.ends(0, { ...failed, fragments: 5 })
  expect(k.leases()[1]).toMatchObject({ firstSequence: 4 })
  expect(k.events).toEqual([expect.stringContaining('the wheel fell off')])
  expect(k.fatal).toEqual([])
})

test('three failures of a shard in a row end the run with the error of the env; a fragment between them starts the count anew', async () => {
  const k = keeperOf()
  await k.open(2)
  for (let round = 0; round < 3; round++) {
    await k.ends(0, failed)
    await k.ends(0, failed)
    k.keeper.alive(0, 1)
  }
  await k.ends(1, failed)
  await k.ends(0, failed)
  await k.ends(0, failed)
  k.keeper.alive(1, 1)
  expect(k.fatal).toEqual([])
  const before = k.leases().length
  const told = k.events.length
  const last = await k.ends(0, failed)
  expect(k.fatal).toEqual([
    expect.objectContaining({
      code: 'E_ENV_STEP',
      message: expect.stringMatching(
        /^the wheel fell off; shard 0 failed 9 times in a row, from 9 different seeds, .* 10 times in all$/,
      ),
      where: { shard: 0, lease: last!.lease },
    }),
  ])
  expect(k.leases()).toHaveLength(before)
  expect(k.events).toHaveLength(told)
})

test.each([
  [
    'their function says that it may pass',
    { error: { code: 'E_STORE', message: 'slow down', where: { mayPass: true } } },
    false,
  ],
  [
    'an object was damaged, and written again',
    { error: { code: 'E_POLICY_MODEL', message: 'another SHA-256', where: { damaged: 'policies/run/1.onnx' } } },
    false,
  ],
  [
    'so was the code of the env',
    { error: { code: 'E_ENV_UNKNOWN', message: 'it was altered', where: { damaged: 'code/run/1.mjs' } } },
    false,
  ],
  ['the learner sees the same', { error: { code: 'E_ROLLOUT', message: 'ended with an error' } }, true],
] as const)('failures in an outage end the run only after three minutes of them (%s)', async (_, { error }, seen) => {
  const k = keeperOf({ outageSince: () => seen })
  await k.open(1)
  for (let n = 0; n < 17; n++) {
    await vi.advanceTimersByTimeAsync(10_000)
    await k.ends(0, { end: 'error', error })
  }
  expect(k.fatal).toEqual([])
  expect(k.leases()).toHaveLength(18)
  await vi.advanceTimersByTimeAsync(20_000)
  await k.ends(0, { end: 'error', error })
  expect(k.fatal).toEqual([expect.objectContaining({ code: 'E_ROLLOUT' })])
})

test("a failure that is not the env's ends the run as E_ROLLOUT, three in a row", async () => {
  const k = keeperOf()
  await k.open(1)
  const lost = {
    end: 'error',
    error: { code: 'E_STORE', message: 'no answer', where: { key: 'k' }, stack: 'at a.ts:1' },
  } as const
  await k.ends(0, lost)
  await k.ends(0, lost)
  const last = await k.ends(0, lost)
  expect(k.fatal).toEqual([
    expect.objectContaining({
      code: 'E_ROLLOUT',
      message: 'shard 0 failed 3 times in a row: no answer',
      where: { key: 'k', shard: 0, lease: last!.lease, code: 'E_STORE' },
      userStack: 'at a.ts:1',
    }),
  ])
})

test('a retry carries its number until a lease of its shard ends well, whatever failed', async () => {
  const k = keeperOf()
  await k.open(2)
  await k.ends(0, { ...failed, fragments: 30 })
  await k.ends(0, { ...failed, fragments: 30 })
  k.keeper.cameToNothing({ shard: 0, lease: k.leases().at(-1)!.lease, started: true, reason: 'it timed out' })
  await k.settled()
  k.keeper.alive(0, 1)
  await k.ends(0, { fragments: 3 })
  await k.ends(1, failed)
  expect(k.leases().map(({ shard, retry }) => [shard, retry])).toEqual([
    [0, undefined],
    [1, undefined],
    [0, 1],
    [0, 2],
    [0, 3],
    [0, undefined],
    [1, 1],
  ])
  await k.keeper.close()
})

test('where runs are exact an error of the env ends the run at once, and a crash is retried from the same seeds', async () => {
  const k = keeperOf({ exact: true })
  await k.open(2)
  k.keeper.cameToNothing({ shard: 1, lease: k.leases()[1]!.lease, started: true, reason: 'it timed out' })
  await k.settled()
  expect(k.leases().at(-1)!.retry).toBeUndefined()
  await k.ends(0, failed)
  expect(k.fatal).toEqual([
    expect.objectContaining({
      code: 'E_ENV_STEP',
      message: 'the wheel fell off; the run is deterministic: a retry would repeat it',
    }),
  ])
  await k.keeper.close()
})

test('functions that crash ten times in a row, each after a fragment or two, end the run; one that worked in between starts the count anew', async () => {
  const k = keeperOf()
  await k.open(1)
  const crash = async (fragments: number) => {
    for (let n = 0; n < fragments; n++) k.keeper.alive(0, 1)
    k.keeper.cameToNothing({ shard: 0, lease: k.leases().at(-1)!.lease, started: true, reason: 'exit status 3' })
    await k.settled()
  }
  for (let n = 0; n < 9; n++) await crash(2)
  await crash(10)
  for (let n = 0; n < 8; n++) await crash(2)
  expect(k.fatal).toEqual([])
  await crash(2)
  expect(k.fatal).toEqual([
    expect.objectContaining({
      code: 'E_ROLLOUT',
      message: expect.stringMatching(
        /shard 0 failed 10 times in a row, each soon: exit status 3; the env may end its process/,
      ),
    }),
  ])
  await k.keeper.close()
})

test('an invocation that the platform says has crashed is replaced at once, and counts as a failure of its shard', async () => {
  const leases: Lease[] = []
  const named = {
    async invoke(payload: Uint8Array) {
      leases.push(...parseInvocation(JSON.parse(new TextDecoder().decode(payload))))
      return { kind: 'accepted' as const, requestId: `request-${leases.length}` }
    },
  }
  const k = keeperOf({ invoker: named, goOnAt: (_shard, sentUpTo) => sentUpTo + 3 })
  await k.open(2)
  k.keeper.crashed('request-2', 'the function ended with OutOfMemory')
  k.keeper.crashed('request-2', 'the function ended with OutOfMemory')
  k.keeper.crashed('request-99', 'unheard of')
  await k.settled()
  expect(leases.slice(2)).toMatchObject([{ shard: 1, firstSequence: 3 }])
  expect(k.events).toEqual([expect.stringContaining('OutOfMemory')])
  // The first lease said goodbye: what its invocation comes to afterwards is nobody's failure.
  k.keeper.ended(reportOf({ shard: 0, lease: leases[0]!.lease, fragments: 5 }))
  k.keeper.crashed('request-1', 'too late')
  await k.settled()
  expect(leases.slice(3)).toMatchObject([{ shard: 0, firstSequence: 5 }])
  k.keeper.crashed('request-3', 'once more')
  await k.settled()
  k.keeper.crashed('request-5', 'and again')
  await k.settled()
  expect(k.fatal).toEqual([
    expect.objectContaining({ code: 'E_ROLLOUT', message: expect.stringContaining('and again') }),
  ])
  expect(leases).toHaveLength(5)
  k.abort.abort()
  k.keeper.crashed('request-4', 'after the end')
  await k.keeper.close()
  expect(leases).toHaveLength(5)
})

test('a lease that the platform ended is replaced at once; one that it never started, after a pause, and as often as it takes', async () => {
  const k = keeperOf({ goOnAt: (_shard, sentUpTo) => sentUpTo + 3 })
  await k.open(1)
  const lease = () => k.leases().at(-1)!.lease
  k.keeper.cameToNothing({ shard: 0, lease: lease(), started: true, reason: 'it timed out' })
  k.keeper.cameToNothing({ shard: 0, lease: 'unheard of', started: true, reason: 'it timed out' })
  await k.settled()
  expect(k.leases()).toMatchObject([{ firstSequence: 0 }, { firstSequence: 3 }])
  for (let i = 0; i < 5; i++) {
    const before = k.leases().length
    k.keeper.cameToNothing({ shard: 0, lease: lease(), started: false, reason: 'it was not started' })
    await k.settled()
    expect(k.leases()).toHaveLength(before)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(k.leases()).toHaveLength(before + 1)
  }
  expect(k.fatal).toEqual([])
  expect(k.events.at(-1)).toMatch(/^shard 0, lease 0-5: it was not started; trying again in 5000 ms$/)
  k.abort.abort()
  await k.keeper.close()
})

test('an invocation that fails ends the run with its error', async () => {
  const k = keeperOf()
  k.invoker.failNext()
  await k.open(1)
  expect(k.fatal).toEqual([expect.objectContaining({ code: 'E_INVOKE' })])
})

test('after the end nothing is issued: not for a goodbye, not for a lost lease, not for one that is throttled; no timer stays', async () => {
  const k = keeperOf()
  await k.open(3)
  k.invoker.throttleNext(100)
  await k.ends(2)
  k.abort.abort()
  await k.keeper.close()
  const before = k.leases().length
  await k.ends(0, { fragments: 4 })
  await k.ends(1, failed)
  await vi.advanceTimersByTimeAsync(10 * LEASE_MS)
  expect(k.leases()).toHaveLength(before)
  expect(vi.getTimerCount()).toBe(0)
  expect(k.fatal).toEqual([])
})

test('closing waits for an invocation on its way', async () => {
  let accept: () => void = () => undefined
  const slow = {
    invoke: () =>
      new Promise<{ readonly kind: 'accepted' }>((resolve) => (accept = () => resolve({ kind: 'accepted' }))),
  }
  const k = keeperOf({ invoker: slow })
  await k.open(1)
  k.abort.abort()
  let closed = false
  const closing = k.keeper.close().then(() => (closed = true))
  await k.settled()
  expect(closed).toBe(false)
  accept()
  await closing
  expect(vi.getTimerCount()).toBe(0)
})

test('a goodbye that overtakes the answer of its invocation counts', async () => {
  const reported: Lease[] = []
  let keeper: LeaseKeeper | undefined
  const hasty = {
    async invoke(payload: Uint8Array) {
      const [lease] = parseInvocation(JSON.parse(new TextDecoder().decode(payload)))
      reported.push(lease)
      if (reported.length < 3) keeper?.ended(reportOf({ shard: 0, lease: lease.lease, fragments: 2 }))
      return { kind: 'accepted' as const }
    },
  }
  const k = keeperOf({ invoker: hasty })
  keeper = k.keeper
  await k.open(1)
  expect(reported.map(({ firstSequence }) => firstSequence)).toEqual([0, 2, 4])
  await vi.advanceTimersByTimeAsync(LEASE_MS + LATE_MS - 1)
  expect(reported).toHaveLength(3)
  expect(k.events).toEqual([])
})

test('what functions did is billed: their own account, or the time since their start where they gave none', async () => {
  const k = keeperOf()
  await k.open(2)
  await k.ends(0, { totalMs: 30_000, requests: { s3Put: 3, s3Get: 5, sqs: 7 } })
  const { functions, s3, sqs } = k.meter.byPart()
  expect(functions).toBeCloseTo(30 * US_EAST_1.functionGbSecond.usd + 3 * US_EAST_1.functionRequest.usd, 12)
  expect(s3).toBeCloseTo(3 * US_EAST_1.s3Write.usd + 5 * US_EAST_1.s3Read.usd, 12)
  expect(sqs).toBeCloseTo(7 * US_EAST_1.sqsRequest.usd, 12)
  k.abort.abort()
  await k.keeper.close()
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { reportOf } from './inboxes.ts'
import { LATE_MS, LEASE_MS, keeperOf } from './keepers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const oneLease = () => vi.advanceTimersByTimeAsync(LEASE_MS + LATE_MS)

test('three leases of a shard lost in a row without a fragment end the run, with what a user can do about it', async () => {
  const k = keeperOf()
  await k.open(1)
  await oneLease()
  await oneLease()
  expect(k.fatal).toEqual([])
  await oneLease()
  expect(k.fatal).toEqual([
    expect.objectContaining({
      code: 'E_ROLLOUT',
      message: expect.stringMatching(
        /^shard 0 failed 3 times in a row: .*hang in step or reset.*leaseSeconds.*time-out/,
      ),
      where: { shard: 0, lease: '0-2' },
    }),
  ])
  expect(k.events).toHaveLength(3)
  expect(k.leases()).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(10 * LEASE_MS)
  expect(k.leases()).toHaveLength(3)
})

test('a lost lease counts together with those that failed', async () => {
  const k = keeperOf()
  await k.open(1)
  await oneLease()
  await oneLease()
  await k.ends(0, { end: 'error', error: { code: 'E_ENV_STEP', message: 'the wheel fell off' } })
  expect(k.fatal).toEqual([expect.objectContaining({ message: expect.stringContaining('the wheel fell off') })])
})

test.each<[string, (k: ReturnType<typeof keeperOf>) => unknown]>([
  ['a fragment, late though it is,', (k) => k.keeper.alive(0)],
  [
    'a goodbye at the deadline, while there was no policy or the learner was slow,',
    (k) => k.ends(0, { totalMs: 59_000 }),
  ],
])('%s starts the count anew, and the run goes on for ever', async (_, sign) => {
  const k = keeperOf()
  await k.open(1)
  for (let round = 0; round < 10; round++) {
    await oneLease()
    await oneLease()
    await vi.advanceTimersByTimeAsync(LEASE_MS - 1)
    await sign(k)
  }
  expect(k.fatal).toEqual([])
})

test('a learner that did not listen to the queue since the deadline blames nobody: the lease is replaced and not counted', async () => {
  const asked: number[] = []
  const k = keeperOf({
    heardAllSince(ms) {
      asked.push(ms)
      return false
    },
  })
  await k.open(1)
  for (let n = 0; n < 10; n++) await oneLease()
  expect(k.fatal).toEqual([])
  expect(k.leases()).toHaveLength(11)
  // By the monotonic clock, on which each lease begins when the one before it was given up.
  const opened = k.leases()[0]!.deadline
  expect(asked.map((ms) => ms - asked[0]!)).toEqual(
    k
      .leases()
      .slice(0, 10)
      .map(({ deadline }) => deadline - opened),
  )
})

test('nor does one that was suspended, or computed, beyond the time that a goodbye had', async () => {
  let suspendedMs = 0
  const k = keeperOf({ clock: { ...systemClock, monotonic: () => systemClock.monotonic() + suspendedMs } })
  await k.open(1)
  for (let n = 0; n < 10; n++) {
    // The clock of the machine goes on, its timers do not.
    suspendedMs += LATE_MS + 1
    await oneLease()
  }
  expect(k.fatal).toEqual([])
  expect(k.leases()).toHaveLength(11)
})

test('short leases count as lost once Lambda had the time to say that it could not start them, and not where it says so', async () => {
  const leaseMs = 1_000
  const short = () => vi.advanceTimersByTimeAsync(leaseMs + LATE_MS)
  const k = keeperOf({ leaseMs })
  await k.open(1)
  for (let n = 0; n < 19; n++) await short()
  expect(k.fatal).toEqual([])
  await short()
  expect(k.fatal).toEqual([expect.objectContaining({ message: expect.stringMatching(/^shard 0 failed 20 times/) })])

  const full = keeperOf({ leaseMs })
  await full.open(1)
  for (let n = 0; n < 100; n++) {
    await short()
    const late = full.leases().at(-11)
    if (late) full.keeper.cameToNothing({ shard: 0, lease: late.lease, started: false, reason: 'it was not started' })
  }
  expect(full.fatal).toEqual([])
})

test('the goodbye of a lease that was lost is nobody’s any more', async () => {
  const k = keeperOf()
  await k.open(1)
  await oneLease()
  const before = k.meter.byPart()
  k.keeper.ended(reportOf({ shard: 0, lease: '0-0', totalMs: 30_000 }))
  await k.settled()
  expect(k.meter.byPart()).toEqual(before)
  expect(k.leases()).toHaveLength(2)
})

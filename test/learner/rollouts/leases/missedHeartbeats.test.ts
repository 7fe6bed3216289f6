import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LEASE_MS, keeperOf } from '../keepers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const HEARTBEAT = { end: 'heartbeat', fragments: 0, totalMs: 40 } as const

/** Every lease of every shard ends with this as soon as it begins, for so long. */
async function playDeaf(k: ReturnType<typeof keeperOf>, ms: number, report: Parameters<typeof k.ends>[1]) {
  for (let seen = 0, at = 0; at < ms; at += 100) {
    while (seen < k.leases().length) {
      const lease = k.leases()[seen++]
      if (lease) await k.ends(lease.shard, report)
    }
    await vi.advanceTimersByTimeAsync(100)
  }
}

test.each([
  ['its heartbeat ran out before they began', HEARTBEAT],
  ['their deadline came before they began', { end: 'deadline', fragments: 0, totalMs: 40 } as const],
])(
  'functions that do not hear the learner (%s) are no hot loop: pauses double, it is told once, and ends the run',
  async (_, deaf) => {
    const k = keeperOf()
    await k.open(2)
    await playDeaf(k, 2_000, deaf)
    expect(k.leases().length).toBeLessThanOrEqual(6)
    expect(k.events).toEqual([
      expect.stringMatching(/^functions do not hear the learner .*is this machine's clock right/),
    ])
    expect(k.fatal).toEqual([])
    await playDeaf(k, 400_000, deaf)
    expect(k.events).toHaveLength(1)
    expect(k.leases()).toHaveLength(20)
    expect(k.fatal).toHaveLength(2)
    expect(k.fatal[0]).toMatchObject({ code: 'E_ROLLOUT', message: expect.stringContaining('10 times in a row') })
  },
)

test('a fragment between them starts the count and the pauses anew, and after a quiet minute it is told again', async () => {
  const k = keeperOf()
  await k.open(1)
  for (let round = 1; round <= 4; round++) {
    const before = k.leases().length
    await k.ends(0, HEARTBEAT)
    await vi.advanceTimersByTimeAsync(999)
    expect(k.leases()).toHaveLength(before)
    await vi.advanceTimersByTimeAsync(1)
    expect(k.leases()).toHaveLength(before + 1)
    k.keeper.alive(0)
    await vi.advanceTimersByTimeAsync(LEASE_MS - 1)
    await k.ends(0, { end: 'heartbeat', fragments: 3, totalMs: 59_000 })
    expect(k.leases()).toHaveLength(before + 2)
    k.keeper.alive(0)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(k.events).toHaveLength(round)
  }
  expect(k.fatal).toEqual([])
})

test('before the first policy is out functions have nothing to hear, however long it takes: nothing is told, counted or hot', async () => {
  const k = keeperOf({ policyIsOut: () => false })
  await k.open(1)
  await playDeaf(k, 100_000, HEARTBEAT)
  expect(k.leases().length).toBeLessThanOrEqual(101)
  expect(k.leases().length).toBeGreaterThan(90)
  expect({ events: k.events, fatal: k.fatal }).toEqual({ events: [], fatal: [] })
})

test('while the learner cannot write its heartbeat, and for a minute after, that is why: nobody is blamed, and it is no hot loop', async () => {
  let since = Number.POSITIVE_INFINITY
  const k = keeperOf({ learnerSpeaksSince: () => since })
  await k.open(1)
  await playDeaf(k, 170_000, HEARTBEAT)
  expect(k.leases().length).toBeLessThanOrEqual(36)
  since = performance.now()
  await k.ends(0, HEARTBEAT)
  await vi.advanceTimersByTimeAsync(5_000)
  expect({ events: k.events, fatal: k.fatal }).toEqual({ events: [], fatal: [] })
  const before = k.leases().length
  k.keeper.alive(0)
  await k.ends(0, { end: 'deadline', fragments: 3 })
  expect(k.leases()).toHaveLength(before + 1)
})

test('a function that began when its deadline was near, or waited for the learner until then, did hear it', async () => {
  const k = keeperOf()
  await k.open(1)
  for (let n = 0; n < 30; n++) {
    const before = k.leases().length
    await vi.advanceTimersByTimeAsync(n % 2 ? LEASE_MS - 400 : LEASE_MS / 2)
    await k.ends(0, { end: 'deadline', fragments: 0, totalMs: n % 3 ? 40 : 29_000 })
    expect(k.leases()).toHaveLength(before + 1)
  }
  expect({ events: k.events, fatal: k.fatal }).toEqual({ events: [], fatal: [] })
})

test('a run that ends does not wait for the pause', async () => {
  const k = keeperOf()
  await k.open(1)
  await k.ends(0, HEARTBEAT)
  k.abort.abort()
  await k.keeper.close()
  expect(k.leases()).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})

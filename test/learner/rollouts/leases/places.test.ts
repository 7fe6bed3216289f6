import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LeaseKeeper } from '../../../../learner/rollouts/leases/leaseKeeper.ts'
import { keeperOf } from '../keepers.ts'
import { type LambdaLimits, limitedLambda } from '../limitedLambda.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Setting extends Omit<LambdaLimits, 'onEnd' | 'onNotStarted'> {
  readonly shards: number
  /** What the run knows of the limit. */
  readonly known?: number
}

/** A run's leases against a Lambda with limits; tries are spread by chance as they are in a run. */
async function running({ shards, known, ...limits }: Setting, forMs: number) {
  let keeper: LeaseKeeper | undefined
  const lambda = limitedLambda({
    ...limits,
    onEnd: (report) => {
      keeper?.alive(report.shard)
      keeper?.ended(report)
    },
    onNotStarted: ({ shard, lease }) =>
      keeper?.cameToNothing({ shard, lease, started: false, reason: 'it was not started (EventAgeExceeded)' }),
  })
  const k = keeperOf({ invoker: lambda }, { functions: shards, concurrency: known, random: Math.random })
  keeper = k.keeper
  await k.open(shards)
  await vi.advanceTimersByTimeAsync(forMs)
  const turns = Array.from(
    { length: shards },
    (_, shard) => lambda.done.filter((lease) => lease.shard === shard).length,
  )
  const inFlight = k.keeper.functions
  k.abort.abort()
  await k.keeper.close()
  return { ...lambda, ...k, inFlight, turns }
}

test.each([
  // All come back at once: nothing is faster than the first try after that, which is a pause away at most.
  { shards: 1_500, newEnvironments: 1_000, evenly: false, atMostMs: 15_500 },
  // They come back one by one: half as many take five seconds.
  { shards: 300, newEnvironments: 200, evenly: true, atMostMs: 6_000 },
])(
  '$shards shards, $newEnvironments new environments in ten seconds: all are placed about as fast as the limit lets, few tries are refused',
  { timeout: 60_000 },
  async ({ atMostMs, ...setting }) => {
    const { shards, newEnvironments } = setting
    const run = await running({ ...setting, leaseMs: Infinity }, 16_000)
    const { refused, atOnce, lastPlacedMs, mostOnTheirWay } = run.seen
    expect({ fatal: run.fatal, inFlight: run.inFlight, atOnce }).toEqual({
      fatal: [],
      inFlight: shards,
      atOnce: shards,
    })
    expect(lastPlacedMs).toBeLessThan(atMostMs)
    expect(mostOnTheirWay).toBeLessThanOrEqual(64)
    // Those on their way when the limit was met, one a pause while pauses double, and two for each that is taken after.
    expect(refused).toBeLessThan(64 + 10 + 2 * (shards - newEnvironments))
    expect(run.events).toEqual([expect.stringMatching(/^Lambda refuses to start more functions now/)])
  },
)

const HOUR_MS = 3_600_000

test.each([
  { without: 'refused', told: 'Lambda refuses' },
  { without: 'refused', known: 10, told: '16 functions, and 10 run at once (what the cloud has): they take turns' },
  { without: 'queued', known: 10, told: '16 functions, and 10 run at once (what the cloud has): they take turns' },
] as const)(
  'concurrency 10 and 16 shards ($without, known: $known): all ten work all the time, shards take turns, no lease is lost, told once',
  async ({ without, told, ...known }) => {
    const run = await running({ shards: 16, concurrency: 10, without, leaseMs: 59_000, ...known }, HOUR_MS)
    expect({ fatal: run.fatal, events: run.events }).toEqual({ fatal: [], events: [expect.stringContaining(told)] })
    expect(run.seen).toMatchObject({ atOnce: 10, notStarted: 0 })
    expect(run.use(10)).toBeGreaterThan(0.97)
    expect(Math.max(...run.turns) - Math.min(...run.turns)).toBeLessThanOrEqual(2)
    // One a pause of 2.5 s at least, and those whose pauses were still short after each lease: not what six shards would do by themselves.
    const bound = HOUR_MS / 2_500 + 8 * run.done.length
    expect(run.seen.refused).toBeLessThan('known' in known ? 1 : bound)
  },
)

test('a limit that nobody knows of and Lambda only tells after a minute is found out: after it the shards take turns', async () => {
  const run = await running({ shards: 16, concurrency: 10, without: 'queued', leaseMs: 59_000 }, HOUR_MS)
  expect(run.fatal).toEqual([])
  expect(run.events.filter((text) => text.includes('they take turns'))).toHaveLength(1)
  expect(run.events.filter((text) => text.includes('lost'))).toEqual([])
  expect(run.seen.atOnce).toBe(10)
  expect(run.use(10)).toBeGreaterThan(0.9)
  expect(Math.min(...run.turns)).toBeGreaterThan(0.7 * Math.max(...run.turns))
})

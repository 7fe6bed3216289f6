import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Progress, RunObserver, RunSummary, UpdateLine } from '../../../learner/run/observer.ts'
import { Reporter } from '../../../learner/run/reporter.ts'
import type { Sampler } from '../../../learner/rollouts/sampler.ts'
import { RunState } from '../../../learner/run/state.ts'
import type { UpdateResult } from '../../../learner/run/updateResult.ts'
import { CostMeter } from '../../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../../shared/cost/priceBook.ts'
import { fragmentOf } from '../rollouts/inboxes.ts'

// Time is the fake timers': nothing here waits.
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const STEPS = 12
const fragment = fragmentOf(0, 0)

function reporting() {
  const lines: UpdateLine[] = []
  const progress: Progress[] = []
  const ends: RunSummary[] = []
  const observer: RunObserver = {
    onUpdate: (line) => lines.push(line),
    onProgress: (one) => progress.push(one),
    onEnd: (summary) => ends.push(summary),
  }
  const state = new RunState(() => undefined)
  const learner = { busyMs: 0, rewardScale: 1, policy: vi.fn(), save: vi.fn(), train: vi.fn(), close: vi.fn() }
  const sampler = {
    functionsInFlight: 3,
    queuedFragments: 5,
    rejected: { duplicate: 2, corrupt: 1, foreign: 4 },
  } as unknown as Sampler
  const meter = new CostMeter(US_EAST_1, { memoryMb: 1024, now: Date.now })
  const reporter = new Reporter({ run: 'run-1', state, sampler, learner, meter, observer })
  const update = (): UpdateResult => {
    state.sampled(fragment)
    state.trained([fragment])
    return {
      ...state.clocks,
      policyVersion: state.policyVersion,
      meanReturn: state.episodes.mean(),
      episodes: state.episodes.episodes,
      metrics: { loss: state.clocks.updates },
      lag: { min: 0, mean: 1, max: 2 },
      provenances: [],
      policy: undefined,
    }
  }
  return { reporter, state, learner, meter, lines, progress, ends, update }
}

test('every update gives one line, with its clocks, lag, episodes and metrics', () => {
  const r = reporting()
  r.reporter.start()
  vi.advanceTimersByTime(250)
  const line = r.reporter.update(r.update())
  expect(r.lines).toEqual([line])
  expect(line).toEqual({
    atMs: 250,
    envSteps: STEPS,
    trainedSteps: STEPS,
    updates: 1,
    policyVersion: 1,
    lag: { min: 0, mean: 1, max: 2 },
    meanReturn: r.state.episodes.mean(),
    episodes: r.state.episodes.episodes,
    metrics: { loss: 1 },
  })
  r.reporter.close()
})

test('progress comes ten times a second, with rates over the last two seconds only', () => {
  const r = reporting()
  r.reporter.start()
  // Two slow seconds, then four at ten updates a second and a learner that works half of the time.
  vi.advanceTimersByTime(2000)
  expect(r.progress).toHaveLength(20)
  expect(r.progress.at(-1)).toMatchObject({ stepsPerSecond: 0, updatesPerSecond: 0, learnerIdleShare: 1 })
  for (let i = 0; i < 40; i++) {
    r.reporter.update(r.update())
    r.learner.busyMs += 50
    vi.advanceTimersByTime(100)
  }
  const last = r.progress.at(-1)!
  expect(r.progress).toHaveLength(60)
  expect(last.updatesPerSecond).toBeCloseTo(10, 0)
  expect(last.stepsPerSecond / last.updatesPerSecond).toBeCloseTo(STEPS, 6)
  expect(last.learnerIdleShare).toBeCloseTo(0.5, 1)
  expect(last).toMatchObject({ functionsInFlight: 3, queuedFragments: 5, updates: 40, atMs: 6000 })
  expect(last.costUsd).toBeCloseTo(r.meter.total(), 12)
  r.reporter.close()
})

test('shares and rates stay within what can be, though clocks of two threads are compared', () => {
  const r = reporting()
  r.reporter.start()
  r.learner.busyMs = 10_000
  vi.advanceTimersByTime(100)
  expect(r.progress.at(-1)?.learnerIdleShare).toBe(0)
  r.reporter.close()
})

test('a curve of any length has at most 400 points, evenly over the run, and ends near its end', () => {
  const r = reporting()
  r.reporter.start()
  const updates = 5000
  for (let i = 0; i < updates; i++) r.reporter.update(r.update())
  const { curve } = r.reporter.end('envSteps')
  expect(curve.length).toBeGreaterThan(150)
  expect(curve.length).toBeLessThanOrEqual(400)
  const steps = curve.map(([envSteps]) => envSteps)
  const gaps = new Set(steps.slice(1).map((step, i) => step - steps[i]!))
  expect(gaps.size).toBe(1)
  expect(updates * STEPS - steps.at(-1)!).toBeLessThan([...gaps][0]!)
})

test('the end stops progress and sums up: the reason, what was dropped by kind, and what each part cost', () => {
  const r = reporting()
  r.reporter.start()
  r.reporter.update(r.update())
  r.state.dropStale(fragment)
  vi.advanceTimersByTime(60_000)
  const summary = r.reporter.end('meanReturn')
  expect(r.ends).toEqual([summary])
  expect(summary).toMatchObject({ run: 'run-1', reason: 'meanReturn' })
  expect(summary.progress.dropped).toEqual({ stale: 1, envSteps: STEPS, duplicate: 2, corrupt: 1, foreign: 4 })
  expect(summary.costByPart).toEqual(r.meter.byPart())
  expect(summary.costByPart['learner']).toBeCloseTo(US_EAST_1.learnerHour.usd / 60, 9)
  const told = r.progress.length
  vi.advanceTimersByTime(10_000)
  expect(r.progress).toHaveLength(told)
  expect(vi.getTimerCount()).toBe(0)
})

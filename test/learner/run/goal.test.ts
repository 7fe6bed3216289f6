import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { type ExperimentInput, experiment } from '../../../learner/experiment.ts'
import { Goal } from '../../../learner/run/goal.ts'
import type { UpdateLine } from '../../../learner/run/observer.ts'
import { CostMeter } from '../../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../../shared/cost/priceBook.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const line = { meanReturn: 12, episodes: 100, envSteps: 1_000 } as UpdateLine

/** A goal whose learner alone costs a dollar a second. */
function goalOf(setting: Pick<ExperimentInput, 'stop' | 'budget'>, elapsedMs = 0) {
  const meter = new CostMeter(US_EAST_1, { memoryMb: 1024, now: () => Date.now(), learnerHourUsd: 3_600 })
  const goal = new Goal(experiment({ env: 'CartPole-v1', algorithm: impala(), ...setting }), { meter, elapsedMs })
  return { goal, pass: (ms: number) => vi.advanceTimersByTime(ms) }
}

test('a budget that is spent ends the run within a second, though no update comes', () => {
  const { goal, pass } = goalOf({ budget: { usd: 10.5 } })
  pass(10_000)
  expect(goal.signal.aborted).toBe(false)
  pass(1_000)
  expect(goal.signal.aborted).toBe(true)
  expect(goal.reason).toBe('budget')
  expect(vi.getTimerCount()).toBe(0)
})

test('looking at the budget keeps no process alive', () => {
  vi.useRealTimers()
  const keeping = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = keeping()
  const { goal } = goalOf({ budget: { usd: 1 } })
  expect(keeping()).toBe(before)
  goal.close()
})

test.each([20_000_000, 2_147_484, 2_147_483, 0.5])('a limit of %d s is kept, however long', (seconds) => {
  const { goal, pass } = goalOf({ stop: { seconds } })
  pass(seconds * 1_000 - 1)
  expect(goal.signal.aborted).toBe(false)
  pass(1)
  expect(goal.signal.aborted).toBe(true)
  expect(goal.reason).toBe('seconds')
})

test('what earlier attempts took counts; a limit that they came to is over at once', () => {
  const { goal, pass } = goalOf({ stop: { seconds: 100 } }, 99_000)
  pass(999)
  expect(goal.reason).toBeUndefined()
  pass(1)
  expect(goal.reason).toBe('seconds')
  const late = goalOf({ stop: { seconds: 100 } }, 200_000)
  late.pass(1)
  expect(late.goal.reason).toBe('seconds')
})

test('an update says the first of return, env steps and budget that is reached', () => {
  const { goal, pass } = goalOf({ stop: { meanReturn: 12, envSteps: 1_000 }, budget: { usd: 2.5 } })
  expect(goal.reached({ ...line, episodes: 99, envSteps: 999 })).toBeUndefined()
  expect(goal.reached({ ...line, meanReturn: null, envSteps: 999 })).toBeUndefined()
  expect(goal.signal.aborted).toBe(false)
  pass(2_000)
  vi.setSystemTime(Date.now() + 600)
  expect(goal.reached({ ...line, meanReturn: 11, envSteps: 999 })).toBe('budget')
  expect(goal.reached({ ...line, meanReturn: 11 })).toBe('envSteps')
  expect(goal.reached(line)).toBe('meanReturn')
  expect(goal.signal.aborted).toBe(true)
})

test('closed, it leaves no timer and says nothing any more', () => {
  const { goal, pass } = goalOf({ stop: { seconds: 3_000_000 }, budget: { usd: 1 } })
  goal.close()
  expect(vi.getTimerCount()).toBe(0)
  pass(1e10)
  expect(goal.signal.aborted).toBe(false)
})

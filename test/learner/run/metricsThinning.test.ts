import { expect, test } from 'vitest'
import { MetricsThinning, hasLine, lineEvery } from '../../../learner/run/metricsThinning.ts'
import { updateLine } from '../../cli/runs.ts'

/** Updates with a line, of a run that ends after so many. */
function linesOf(from: number, to: number): number[] {
  const thinning = new MetricsThinning()
  const taken: number[] = []
  const line = updateLine(1)
  for (let updates = from; updates <= to; updates++) if (thinning.takes({ ...line, updates })) taken.push(updates)
  const rest = thinning.rest()
  expect(thinning.rest()).toBeUndefined()
  return rest ? [...taken, rest.updates] : taken
}

test('a run of ordinary length has a line for every update, from its first to its last', () => {
  expect(linesOf(1, 30_000)).toEqual(Array.from({ length: 30_000 }, (_, i) => i + 1))
  expect(hasLine(1) && hasLine(99_999) && hasLine(100_000)).toBe(true)
})

test('past a hundred thousand updates the lines thin out, no gap is wider than the rule says, and the last one is there', () => {
  const lines = linesOf(1, 1_234_567)
  expect(lines[0]).toBe(1)
  expect(lines.at(-1)).toBe(1_234_567)
  for (const [i, updates] of lines.entries())
    if (i > 0) expect(updates - lines[i - 1]!).toBeLessThanOrEqual(lineEvery(updates))
  expect(lines).toHaveLength(100_000 + 90_000 + 2_345 + 1)
})

test('no run fills a disk: ten times the updates add ninety thousand lines', () => {
  let lines = 100_000
  for (let to = 1_000_000; to <= 1e12; to *= 10) lines += (to - to / 10) / lineEvery(to)
  expect(lines).toBe(100_000 + 7 * 90_000)
})

test('a run that went on has the lines of one that was never interrupted, but for the last of each attempt', () => {
  const whole = linesOf(99_000, 140_000)
  const resumed = [
    ...linesOf(99_000, 120_007).filter((updates) => updates <= 120_003 && hasLine(updates)),
    ...linesOf(120_004, 140_000),
  ]
  expect(resumed).toEqual(whole)
})

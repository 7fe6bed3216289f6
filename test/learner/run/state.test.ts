import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Schedule, valueAt } from '../../../learner/run/clocks.ts'
import { EpisodeWindow } from '../../../learner/run/episodeWindow.ts'
import { RunState } from '../../../learner/run/state.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { fragmentOf } from '../rollouts/inboxes.ts'

const amount = fc.double({ min: -1e6, max: 1e6, noNaN: true })

test('the mean is over the last episodes, as many as the window holds, and over all of them before it is full', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(amount, { maxLength: 30 }), (size, returns) => {
      const window = new EpisodeWindow(size)
      expect(window.mean()).toBeNull()
      returns.forEach((value, i) => {
        window.add(value)
        const last = returns.slice(0, i + 1).slice(-size)
        expect(window.mean()).toBeCloseTo(last.reduce((sum, one) => sum + one, 0) / last.length, 4)
        expect(window.episodes).toBe(i + 1)
        expect(window.full).toBe(i + 1 >= size)
      })
    }),
  )
  expect(new EpisodeWindow()['returns']).toHaveLength(100)
})

test('a schedule runs from its start to its end over its own clock and stays there; a constant knows no clock', () => {
  const clocks = { envSteps: 50, trainedSteps: 20, updates: 3 }
  expect(valueAt(0.3, clocks)).toBe(0.3)
  fc.assert(
    fc.property(
      fc.constantFrom('envSteps', 'trainedSteps', 'updates'),
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.integer({ min: 1, max: 1000 }),
      fc.nat(2000),
      (clock: keyof typeof clocks, from, to, over, now) => {
        const schedule: Schedule = { clock, from, to, over }
        const value = valueAt(schedule, { envSteps: 1e9, trainedSteps: 1e9, updates: 1e9, [clock]: now })
        expect(value).toBeCloseTo(now >= over ? to : from + ((to - from) * now) / over, 9)
      },
    ),
  )
})

test('sampled, trained and dropped steps are counted each on its own clock, and every fragment is acknowledged once', () => {
  const acknowledged: SampleBatch[] = []
  const state = new RunState((fragment) => acknowledged.push(fragment))
  const [a, b, c] = [fragmentOf(0, 0), fragmentOf(1, 0), fragmentOf(0, 1)]
  for (const fragment of [a, b]) state.sampled(fragment)
  expect(acknowledged).toEqual([])
  state.trained([a, b])
  state.dropStale(c)
  expect(acknowledged).toEqual([a, b, c])
  expect(state.clocks).toEqual({ envSteps: 36, trainedSteps: 24, updates: 1 })
  expect(state.stale).toEqual({ fragments: 1, envSteps: 12 })
  expect(state.policyVersion).toBe(1)
  const episodes = [a, b, c].flatMap(({ columns }) => [...(columns['episode_returns']?.data ?? [])])
  expect(state.episodes.episodes).toBe(episodes.length)
  expect(state.episodes.mean()).toBeCloseTo(episodes.reduce((sum, one) => sum + one, 0) / episodes.length)
})

test('policy lag is counted in updates from the version a fragment was begun with', () => {
  const state = new RunState(() => undefined)
  const fragment = fragmentOf(0, 0, { policyVersion: 2 })
  for (let update = 0; update < 5; update++) state.trained([])
  expect(state.lagOf(fragment)).toBe(3)
})

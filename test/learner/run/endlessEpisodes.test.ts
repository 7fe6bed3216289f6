import { expect, test } from 'vitest'
import { EndlessEpisodes } from '../../../learner/run/endlessEpisodes.ts'
import { RunState } from '../../../learner/run/state.ts'

function watching(options: { hasGoal?: boolean; cut?: number } = {}) {
  const state = new RunState(() => undefined)
  const told: string[] = []
  const endless = new EndlessEpisodes(state, {
    envs: 10,
    hasGoal: options.hasGoal ?? true,
    episodesCut: () => options.cut ?? 0,
    onEvent: (text) => told.push(text),
  })
  let atMs = 0
  /** Seconds in which every env makes so many steps. */
  const pass = (seconds: number, stepsASecond = 100) => {
    for (let n = 0; n < seconds * 10; n++) {
      atMs += 100
      state.clocks.envSteps += stepsASecond
      endless.look(atMs)
    }
  }
  return { state, told, pass }
}

test('a run whose episodes never end says so after a minute, with its steps, and then ever more rarely', () => {
  const { told, pass } = watching()
  pass(59)
  expect(told).toEqual([])
  pass(2)
  expect(told).toEqual([
    expect.stringMatching(
      /^no episode has ended for 60 s: 60000 env steps, about 6000 of each env\. .*the goal on it cannot be reached; .*maxEpisodeSteps/,
    ),
  ])
  pass(60 * 60)
  expect(told).toHaveLength(6)
})

test('it counts from the last episode that ended, and from the first step', () => {
  const { state, told, pass } = watching({ hasGoal: false })
  pass(300, 0)
  pass(50)
  state.episodes.add(1)
  pass(59)
  expect(told).toEqual([])
  pass(2)
  expect(told).toEqual([expect.stringMatching(/^no episode has ended for 60 s/)])
  expect(told[0]).not.toMatch(/goal/)
})

test('a run whose episodes end says nothing, nor does one that does not step', () => {
  const { state, told, pass } = watching()
  for (let n = 0; n < 100; n++) {
    pass(30)
    state.episodes.add(1)
  }
  pass(600, 0)
  expect(told).toEqual([])
})

test('where leases cut the episodes, it says that', () => {
  const { told, pass } = watching({ cut: 7 })
  pass(61)
  expect(told).toEqual([
    expect.stringMatching(/leases cut 7 of them: give the env save and load, or set rollouts\.leaseSeconds$/),
  ])
})

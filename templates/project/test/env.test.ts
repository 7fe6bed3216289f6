import { makeVectorEnv } from 'millrace/env'
import { expect, test } from 'vitest'
import { Dock, scriptedAction } from '../envs/dock.ts'

const EPISODES = 100

/** Plays one episode in each of many envs; makeVectorEnv refuses an action, a reward or an observation that breaks the contract. */
function play(
  choose: (distance: number, speed: number) => number,
  seed: number,
): { returns: number[]; seen: number[] } {
  const env = makeVectorEnv(Dock, { numEnvs: EPISODES })
  env.reset(seed)
  const returns: number[] = []
  const seen: number[] = []
  const ended = new Set<number>()
  const actions = new Int32Array(EPISODES)
  while (ended.size < EPISODES) {
    for (let i = 0; i < EPISODES; i++) {
      const [distance = 0, speed = 0] = env.observations.subarray(2 * i, 2 * i + 2)
      actions[i] = choose(distance * 10, speed)
    }
    env.step(actions)
    seen.push(...env.observations)
    for (let i = 0; i < EPISODES; i++) {
      if (ended.has(i) || (!env.terminated[i] && !env.truncated[i])) continue
      ended.add(i)
      returns.push(env.episodeReturns[i] ?? Number.NaN)
    }
  }
  return { returns, seen }
}

test('an episode ends, whatever is done, and stays within the bounds of its observation space', () => {
  let turn = 0
  for (const choose of [() => 0, () => 1, () => 2, () => turn++ % 3]) {
    const { returns, seen } = play(choose, 1)
    expect(returns).toHaveLength(EPISODES)
    expect(seen.every((value) => value >= -5 && value <= 5)).toBe(true)
  }
})

test('the same seed gives the same episodes, another seed others', () => {
  expect(play(scriptedAction, 7)).toEqual(play(scriptedAction, 7))
  expect(play(scriptedAction, 7)).not.toEqual(play(scriptedAction, 8))
})

test('who brakes in time docks for more than 8.5; who only pushes crashes', () => {
  expect(Math.min(...play(scriptedAction, 3).returns)).toBeGreaterThan(8.5)
  expect(Math.max(...play(() => 2, 3).returns)).toBeLessThan(0)
})

test('an episode goes on after it was saved and loaded as if nothing had been', () => {
  const [one, other] = [makeVectorEnv(Dock, { numEnvs: 4 }), makeVectorEnv(Dock, { numEnvs: 4 })]
  const step = (env: typeof one) => env.step(Int32Array.of(0, 1, 2, 2))
  one.reset(5)
  for (let t = 0; t < 5; t++) step(one)
  const saved = one.save?.()
  if (!saved) throw new Error('it cannot be saved')
  other.load?.(saved)
  for (let t = 0; t < 50; t++) {
    step(one)
    step(other)
    expect(other.observations).toEqual(one.observations)
  }
})

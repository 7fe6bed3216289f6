import { expect, test } from 'vitest'
import type { Env, EnvSource } from '../../../shared/env/index.ts'
import { type Play, playEpisodes } from '../../../shared/rollout/index.ts'
import { cartPoleModel, leaseOf } from './leases.ts'

const playOf = (changes: Partial<Play> = {}): Play => ({
  model: cartPoleModel,
  spec: leaseOf().policy,
  config: {},
  episodes: 10,
  seed: 0,
  stochastic: false,
  over: () => false,
  ...changes,
})

/** An episode of env i is i + 1 steps long, and i + 1 is its return: short ones end first. */
function staggered(): EnvSource {
  let made = 0
  return {
    id: 'Staggered-v0',
    make(): Env {
      const length = ++made
      let step = 0
      return {
        observationSpace: { kind: 'box', shape: [4], low: -1, high: 1 },
        actionSpace: { kind: 'discrete', n: 2 },
        reset(observation) {
          step = 0
          observation.fill(0)
        },
        step(_action, observation) {
          observation.fill(0)
          return { reward: 1, terminated: ++step === length, truncated: false }
        },
      }
    },
  }
}

test('every env plays its share of the episodes, so that short ones do not crowd out long ones', async () => {
  const lengths = (await playEpisodes(staggered(), playOf({ numEnvs: 4 }))).map((episode) => episode.length)
  expect(lengths).toHaveLength(10)
  const perLength = [1, 2, 3, 4].map((length) => lengths.filter((l) => l === length).length)
  expect(perLength).toEqual([3, 3, 2, 2])
})

test('the same seed gives the same episodes; another seed, or sampled actions, others', async () => {
  const first = await playEpisodes('CartPole-v1', playOf())
  expect(await playEpisodes('CartPole-v1', playOf())).toEqual(first)
  expect(await playEpisodes('CartPole-v1', playOf({ seed: 1 }))).not.toEqual(first)
  expect(await playEpisodes('CartPole-v1', playOf({ stochastic: true }))).not.toEqual(first)
})

test('a play that is over gives the episodes that were finished', async () => {
  let steps = 0
  const episodes = await playEpisodes(staggered(), playOf({ episodes: 4, over: () => steps++ === 2 }))
  expect(episodes).toEqual([
    { return: 1, length: 1 },
    { return: 2, length: 2 },
  ])
})

test('an env whose episodes never end is an error, not a play that never ends', async () => {
  const endless: EnvSource = {
    id: 'Endless-v0',
    make: (): Env => ({
      observationSpace: { kind: 'box', shape: [4], low: -1, high: 1 },
      actionSpace: { kind: 'discrete', n: 2 },
      reset: (observation) => void observation.fill(0),
      step: () => ({ reward: 0, terminated: false, truncated: false }),
    }),
  }
  await expect(playEpisodes(endless, playOf({ episodes: 1, longestEpisode: 1000 }))).rejects.toMatchObject({
    code: 'E_ENV_STEP',
    message: expect.stringContaining('has not ended after 1000 steps; does the env have a time limit?'),
  })
})

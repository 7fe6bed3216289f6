import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Random, makeVectorEnv } from '../../../shared/env/index.ts'
import { randomActions } from './playing.ts'

/** Of a uniform random policy in the reference implementations; MinAtar with all six actions. */
interface Stats {
  readonly episodes: number
  readonly mean_return: number
  readonly std_return: number
  readonly mean_length: number
  readonly std_length: number
}

const recorded: Readonly<Record<string, Stats>> = JSON.parse(
  readFileSync(new URL('../../golden/random_policy_stats.json', import.meta.url), 'utf8'),
).stats

const CASES = [
  ['MinAtar/Asterix-v0', 'minatar/asterix', 1500],
  ['MinAtar/Breakout-v0', 'minatar/breakout', 3000],
  ['MinAtar/Freeway-v0', 'minatar/freeway', 50],
  ['MinAtar/Seaquest-v0', 'minatar/seaquest', 3000],
  ['MinAtar/SpaceInvaders-v0', 'minatar/space_invaders', 1500],
  ['Acrobot-v1', 'Acrobot-v1', 50],
  ['CartPole-v1', 'CartPole-v1', 1000],
  ['MountainCarContinuous-v0', 'MountainCarContinuous-v0', 50],
  ['Pendulum-v1', 'Pendulum-v1', 300],
] as const

/** Episodes of 10 envs, as many of each: where they are taken as they end, the short ones are too many. */
function play(id: string, episodes: number): { returns: number[]; lengths: number[] } {
  const numEnvs = 10
  const env = makeVectorEnv(id, { numEnvs })
  const random = new Random(7)
  const returns: number[] = []
  const lengths: number[] = []
  const left = new Int32Array(numEnvs).fill(episodes / numEnvs)
  env.reset(11)
  while (left.some((count) => count > 0)) {
    env.step(randomActions(env.actionSpace, numEnvs, random))
    for (let i = 0; i < numEnvs; i++) {
      if ((env.terminated[i]! | env.truncated[i]!) === 0 || left[i]!-- <= 0) continue
      returns.push(env.episodeReturns[i]!)
      lengths.push(env.episodeLengths[i]!)
    }
  }
  return { returns, lengths }
}

test.each(CASES)(
  '%s: return and length of a random policy are those of the reference, within 4 standard errors',
  (id, name, episodes) => {
    const stats = recorded[name]!
    const { returns, lengths } = play(id, episodes)
    const near = (values: number[], mean: number, deviation: number): void => {
      expect(values).toHaveLength(episodes)
      const ours = values.reduce((a, b) => a + b) / values.length
      const error = deviation * Math.sqrt(1 / episodes + 1 / stats.episodes)
      expect(Math.abs(ours - mean), `${ours} against ${mean}`).toBeLessThanOrEqual(4 * error)
    }
    near(returns, stats.mean_return, stats.std_return)
    near(lengths, stats.mean_length, stats.std_length)
  },
)

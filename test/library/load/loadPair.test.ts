import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { loadPair, tunedFile } from '../../../library/load/loadPair.ts'
import { PAIR_ENV_STEPS, pairName } from '../../../library/load/pair.ts'
import { planOf } from '../../../learner/planOf.ts'
import { makeEnv } from '../../../shared/env/index.ts'
import { policySpecFor } from '../../../shared/policy/index.ts'

const folder = join(packageRoot(), 'examples/tuned')
const tuned = readdirSync(folder).filter((name) => name !== 'minatar.ts')

test('the pairs that have published figures are tuned', () => {
  const games = ['Asterix', 'Breakout', 'Freeway', 'Seaquest', 'SpaceInvaders']
  const pairs = [
    ['CartPole-v1', 'ppo'],
    ['Pendulum-v1', 'ppo'],
    ['Pendulum-v1', 'impala'],
    ['MountainCar-v0', 'ppo'],
    ['MountainCar-v0', 'a2c'],
    ['MountainCarContinuous-v0', 'a2c'],
    ['Acrobot-v1', 'ppo'],
    ['Acrobot-v1', 'a2c'],
    ...games.flatMap((game) => ['ppo', 'impala'].map((algorithm) => [`MinAtar/${game}-v0`, algorithm])),
  ].map(([env = '', algorithm = '']) => ({ env, algorithm }))
  for (const pair of pairs) expect(tunedFile(pair), pairName(pair)).toBeDefined()
  expect(tuned).toHaveLength(pairs.length)
})

test.each(tuned)(
  '%s is of the pair in its name, quotes its source and figure, and has a plan and a program',
  async (file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    expect(text).toMatch(/Settings: /)
    expect(text).toMatch(/Published: /)
    const algorithm = file.replace(/^.*-|\.ts$/g, '')
    const env = /env: '([^']+)'|\('(MinAtar[^']+)'\)/.exec(text)?.slice(1).find(Boolean) ?? 'no env'
    expect(`${pairName({ env, algorithm })}.ts`).toBe(file)
    const { experiment } = await loadPair({ env, algorithm })
    expect(experiment).toMatchObject({ env, algorithm: { name: algorithm } })
    expect(experiment.stop.envSteps).toBeGreaterThan(0)
    const { setting } = planOf(experiment)
    const { fragmentLength: T, envsPerShard } = experiment.rollouts
    const B = envsPerShard * experiment.algorithm.fragmentsPerUpdate(setting)
    const { observationSpace, actionSpace } = makeEnv(env)
    experiment.algorithm.program({ policy: policySpecFor(observationSpace, actionSpace), T, B })
  },
)

test('another version of a tuned env has the same settings, and says so', async () => {
  const { experiment, name, tuned: from } = await loadPair({ env: 'MinAtar/Breakout-v1', algorithm: 'ppo' })
  expect(experiment.env).toBe('MinAtar/Breakout-v1')
  expect(experiment.algorithm.config['gamma']).toBe(0.999)
  expect({ name, env: from?.env }).toEqual({ name: 'minatar-breakout-ppo', env: 'MinAtar/Breakout-v0' })
})

test('a pair that nobody tuned has the defaults, and an end', async () => {
  const { experiment, tuned: from } = await loadPair({ env: 'Taxi-v3', algorithm: 'ppo' })
  expect(from).toBeUndefined()
  expect(experiment.stop).toEqual({ envSteps: PAIR_ENV_STEPS })
  expect(experiment.rollouts).toMatchObject({ envsPerShard: 8, fragmentLength: 128 })
})

test('unknown names are refused with the nearest', async () => {
  await expect(loadPair({ env: 'Pendulm-v1', algorithm: 'ppo' })).rejects.toMatchObject({
    code: 'E_ENV_UNKNOWN',
    message: "there is no env 'Pendulm-v1'; did you mean 'Pendulum-v1'?",
  })
  await expect(loadPair({ env: 'Pendulum-v1', algorithm: 'pp' })).rejects.toMatchObject({
    code: 'E_USAGE',
    message: "there is no algorithm 'pp'; did you mean 'ppo'?",
  })
})

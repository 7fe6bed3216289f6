import { expect, test } from 'vitest'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { type Algorithm } from '../../learner/algorithm.ts'
import { a2c } from '../../learner/algorithms/a2c.ts'
import { a3c } from '../../learner/algorithms/a3c.ts'
import { ddppo } from '../../learner/algorithms/ddppo.ts'
import { ppo } from '../../learner/algorithms/ppo.ts'
import { experiment } from '../../learner/experiment.ts'
import { train } from '../../learner/run/service.ts'

// Nothing but defaults. CartPole-v1 counts as solved at 475 (Gymnasium's registry); rl-zoo's tuned PPO takes 100,000 env steps to 500.
// Acrobot-v1 has no such mark in Gymnasium any more; its registry once said -100.

async function stepsToGoal(env: string, algorithm: Algorithm, meanReturn: number, seed = 1): Promise<number> {
  const cloud = await emulatedRunCloud()
  try {
    const stop = { meanReturn, envSteps: 500_000 }
    const { summary } = await train(experiment({ env, algorithm, stop, seed }), { run: 'defaults', cloud })
    return summary.reason === 'meanReturn' ? summary.progress.envSteps : Number.POSITIVE_INFINITY
  } finally {
    await cloud.close()
  }
}

test('PPO solves CartPole within 300,000 env steps: the median of three seeds', async () => {
  const steps = [await stepsToGoal('CartPole-v1', ppo(), 475, 1), await stepsToGoal('CartPole-v1', ppo(), 475, 2)]
  // Two of three decide the median; the third is needed where they do not agree.
  if (Math.max(...steps) > 300_000) steps.push(await stepsToGoal('CartPole-v1', ppo(), 475, 3))
  expect(steps.toSorted((a, b) => a - b)[1]).toBeLessThanOrEqual(300_000)
})

test.each([
  ['PPO', ppo],
  ['A2C', a2c],
  ['A3C', a3c],
  ['DD-PPO', ddppo],
] as const)('%s reaches -100 on Acrobot within 500,000 env steps', async (_, algorithm) => {
  expect(await stepsToGoal('Acrobot-v1', algorithm(), -100)).toBeLessThanOrEqual(500_000)
})

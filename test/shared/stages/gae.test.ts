import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { hostTensors } from '../../../learner/training/hostTensors.ts'
import {
  columnNamed,
  concatFragments,
  rolloutForm,
  trainInputs,
  validateFragment,
} from '../../../shared/batch/index.ts'
import { formAfter } from '../../../shared/stages/index.ts'
import { programOf, runnerOf } from '../../learner/program/programs.ts'
import { sourceOf, specOf } from './sources.ts'

const [T, B] = [64, 4]
const settings = { hidden: [16], gamma: 0.97, lambda: 0.9, rewardScale: 0.5, publishValue: true, minibatchSteps: 64 }
const { gamma, lambda, rewardScale } = settings
const stages = [{ name: 'gae', params: { gamma, lambda, rewardScale } }]

// CartPole under a fresh policy ends its episodes; Pendulum's are truncated after 200 steps.
describe.each(['CartPole-v1', 'Pendulum-v1'])('%s', (env) => {
  test('advantages, returns and old values are those that PPO’s learner computes from the same steps and weights', async () => {
    const policy = specOf(env)
    const program = programOf(ALGORITHMS.ppo(settings), { policy, T, B })
    const runner = runnerOf({ ...program, calls: { ...program.calls, advantages: [{ run: 'advantages' }] } })
    const source = await sourceOf(env, runner, program, stages, { T, B })
    await source.usePolicy(0)
    const form = formAfter({ stages }, rolloutForm({ fragmentLength: T, numEnvs: B, policy }))
    let ends = 0
    for (let sequence = 0; sequence < 5; sequence++) {
      const fragment = await source.step(sequence)
      const estimated = await source.stages.apply(fragment)
      validateFragment(estimated, form)
      const columns = hostTensors(trainInputs(concatFragments([estimated], form.columns)).columns)
      const learners = await runner.call('advantages', { columns, rates: {} })
      for (const name of ['advantages', 'returns', 'old_values']) {
        const own = columnNamed(estimated, name).data
        learners.columns[name]?.data.forEach((x, i) => expect(own[i]).toBeCloseTo(Number(x), 4))
        expect(own.some((x) => Math.abs(x) > 1e-3)).toBe(true)
      }
      ends += columnNamed(estimated, 'episode_lengths').data.length
    }
    expect(ends).toBeGreaterThan(0)
    await runner.close()
  })
})

test('a policy that is published without its value is refused with what to do', async () => {
  const program = programOf(ALGORITHMS.ppo({ minibatchSteps: 64 }), { policy: specOf('CartPole-v1'), T, B })
  const runner = runnerOf(program)
  const source = await sourceOf('CartPole-v1', runner, program, stages, { T, B })
  await source.usePolicy(0)
  await expect(source.stages.apply(await source.step(0))).rejects.toMatchObject({
    code: 'E_POLICY_MODEL',
    message: expect.stringContaining('publishValue: true'),
  })
  await runner.close()
})

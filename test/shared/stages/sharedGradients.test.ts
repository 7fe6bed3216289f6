import { expect, test } from 'vitest'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { type Program, compile } from '../../../learner/program/index.ts'
import { seededUniform } from '../../../learner/tensor/index.ts'
import { hostTensors } from '../../../learner/training/hostTensors.ts'
import { columnNamed, columnOf, concatFragments, rolloutColumnSpecs, trainInputs } from '../../../shared/batch/index.ts'
import { deriveSeed, Random } from '../../../shared/random.ts'
import { rowsOf, shuffled } from '../../../shared/stages/minibatch.ts'
import { runnerOf } from '../../learner/program/programs.ts'
import { sourceOf, specOf } from './sources.ts'

const [T, B, epochs, rows] = [8, 4, 3, 8]
const perEpoch = (T * B) / rows
const env = 'CartPole-v1'
const policy = specOf(env)
const stages = [
  { name: 'gae', params: { gamma: 0.99, lambda: 0.95 } },
  { name: 'sharedGradients', params: { graph: 'surrogate', epochs, rows, rates: { entropy_coef: 0.01 } } },
]

function programFor(): Program {
  const description = ALGORITHMS.ddppo({ hidden: [16], minibatchSteps: rows }).program({ policy, T, B })
  const calls = { ...description.calls, surrogate: [{ run: 'surrogate' }] }
  return compile({ ...description, calls }, { name: 'ddppo', uniform: seededUniform(1), seed: 1 })
}

test('every message is the gradient of another minibatch of the kept steps by the newest weights, as the learner computes it, bit for bit', async () => {
  const program = programFor()
  const runner = runnerOf(program)
  const source = await sourceOf(env, runner, program, stages, { T, B })
  const estimating = await sourceOf(env, runner, program, stages.slice(0, 1), { T, B })
  const rates = { learning_rate: 1e-3, entropy_coef: 0.01 }
  expect(source.stages.rounds).toBe(epochs * perEpoch)
  await Promise.all([source.usePolicy(0), estimating.usePolicy(0)])
  const fragment = await source.step(0)
  // The same steps: both sources are of one seed.
  const estimated = await estimating.stages.apply(await estimating.step(0))
  const wanted = ['observations', 'actions', 'behaviour_log_probs', 'advantages', 'old_values', 'returns']
  const seen: number[] = []
  for (let sequence = 0; sequence < epochs * perEpoch; sequence++) {
    if (sequence > 0) await source.usePolicy(sequence)
    const sent = sequence === 0 ? await source.stages.apply(fragment) : await source.stages.again(sequence)
    const epoch = Math.floor(sequence / perEpoch)
    const order = shuffled(T * B, new Random(deriveSeed(5, 'minibatches', 0, 0, epoch)))
    const own = order.subarray((sequence % perEpoch) * rows, ((sequence % perEpoch) + 1) * rows)
    if (epoch === 0) seen.push(...own)
    const columns = rowsOf(
      inputsOf(estimated),
      wanted.map((name) => ({ name, shape: name === 'observations' ? [rows, 4] : [rows] })),
      own,
    )
    const { columns: learners } = await runner.call('surrogate', { columns: hostTensors(columns), rates })
    expect(columnNamed(sent, 'gradient').data).toEqual(learners['gradient']?.data)
    expect(sent.provenance).toMatchObject({ sequence, policyVersion: sequence, envSteps: sequence === 0 ? T * B : 0 })
    expect(columnNamed(sent, 'policy_versions').data).toEqual(new Int32Array(T).fill(sequence))
    const episodes = sequence === 0 ? columnNamed(fragment, 'episode_lengths').data.length : 0
    expect(columnNamed(sent, 'episode_lengths').data).toHaveLength(episodes)
    const stacked = { gradient: stack(sent, 'gradient'), metrics: stack(sent, 'metrics') }
    await runner.call('update', { columns: hostTensors(stacked), rates })
  }
  expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: T * B }, (_, i) => i))
  await runner.close()
})

type Batch = Parameters<typeof concatFragments>[0][number]

function inputsOf(batch: Batch) {
  const own = ['advantages', 'old_values', 'returns'].map(
    (name) => ({ name, dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' }) as const,
  )
  return trainInputs(concatFragments([batch], [...rolloutColumnSpecs(policy), ...own])).columns
}

function stack(batch: Batch, name: string) {
  const { data } = columnNamed(batch, name)
  return columnOf(data, [1, data.length])
}

import { expect, test } from 'vitest'
import { appo } from '../../../learner/algorithms/appo.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import type { Algorithm } from '../../../learner/algorithm.ts'
import { rolloutBatch } from '../program/batches.ts'
import { discrete, programOf, runnerOf } from '../program/programs.ts'
import { expectClose } from '../tensor/helpers.ts'

const SIZES = { T: 5, B: 4, observationShape: [4], actions: 3 }
const RATES = { learning_rate: 0.01, entropy_coef: 0.01 }
const SAME = { normalizeValues: false, hidden: [8], epsilon: 1e-5, gamma: 0.9, maxGradNorm: 0.5, rewardScale: 0.5 }

async function trained(algorithm: Algorithm, updates = 1) {
  const runner = runnerOf(programOf(algorithm, { policy: discrete(3, [4]), T: 5, B: 4 }))
  const metrics: Readonly<Record<string, number>>[] = []
  for (let i = 0; i < updates; i++) {
    const columns = rolloutBatch(SIZES, i)
    metrics.push((await runner.call('update', { columns, rates: RATES })).metrics)
  }
  const weights = runner.save().sets['policy']?.weights ?? []
  await runner.close()
  return { weights, metrics }
}

test('its first pass over its first batch is an update of IMPALA: policy and target network are one, so every ratio is 1', async () => {
  const [ours, impalas] = [await trained(appo({ ...SAME, epochs: 1 })), await trained(impala(SAME))]
  expectClose(ours.weights, impalas.weights, 1e-5, 'weight')
  for (const name of ['valueLoss', 'entropy', 'meanRho', 'gradNorm'])
    expectClose([ours.metrics[0]?.[name] ?? Number.NaN], [impalas.metrics[0]?.[name] ?? 0], 1e-5, name)
  expect(ours.metrics[0]).toMatchObject({ clipFraction: 0 })
})

test('a further pass over the batch, and minibatches, train on', async () => {
  const [once, twice] = [await trained(appo({ ...SAME, epochs: 1 })), await trained(appo({ ...SAME, epochs: 2 }))]
  const cut = await trained(appo({ ...SAME, epochs: 2, minibatchSteps: 10 }))
  expect(twice.weights).not.toEqual(once.weights)
  expect(cut.weights).not.toEqual(twice.weights)
  expect(twice.metrics[0]?.['kl']).toBeGreaterThan(0)
})

test('the coefficient of the KL penalty rises while the policy leaves the target network too fast, and falls while it hardly moves', async () => {
  const far = await trained(appo({ ...SAME, epochs: 4, klTarget: 1e-9 }), 3)
  expect(far.metrics.map((of) => of['kl_coef'])).toEqual([1.5, 2.25, 3.375])
  const near = await trained(appo({ ...SAME, epochs: 1, klTarget: 10 }), 2)
  expectClose(
    near.metrics.map((of) => of['kl_coef'] ?? 0),
    [1 / 1.5, 1 / 2.25],
    1e-6,
  )
})

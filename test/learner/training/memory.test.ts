import { expect, test } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { experiment } from '../../../learner/experiment.ts'
import { planOf } from '../../../learner/planOf.ts'
import { checkMemory } from '../../../learner/training/memory.ts'
import { policySpecFor } from '../../../shared/policy/index.ts'

const GIB = 1024 ** 3
const policy = policySpecFor({ kind: 'box', shape: [4], low: -1, high: 1 }, { kind: 'discrete', n: 2 })

function checks(config: Parameters<typeof impala>[0], memory = { learner: 16 * GIB, function: 1769 * 1024 ** 2 }) {
  const one = experiment({ env: 'CartPole-v1', algorithm: impala({ sharedTrunk: true, ...config }) })
  const { algorithm, rollouts } = one
  const B = algorithm.fragmentsPerUpdate(planOf(one).setting) * rollouts.envsPerShard
  const sizes = { policy, T: rollouts.fragmentLength, B }
  return () => checkMemory(algorithm.program(sizes), { ...sizes, config: algorithm.config }, memory)
}

test('what cannot fit is refused before anything is made, with what it takes, what there is and what to change', () => {
  const refuses = (check: () => void, message: RegExp) =>
    expect(check).toThrow(expect.objectContaining({ code: 'E_EXPERIMENT', message: expect.stringMatching(message) }))
  refuses(
    checks({ hidden: [1e9] }),
    /^a network with hidden \[1000000000\] has 8,000,000,006 weights, 29\.8 GiB: a policy has less than 2 GiB; make hidden smaller$/,
  )
  refuses(
    checks({ hidden: [20_000, 20_000] }),
    /its policy takes 3\.0 GiB in a function, which has 1\.7 GiB; make hidden smaller$/,
  )
  refuses(
    checks({ hidden: [10_000, 10_000] }, { learner: 2 * GIB, function: 1769 * 1024 ** 2 }),
    /training takes 2\.6 GiB for them, this machine has 2\.0 GiB/,
  )
  refuses(
    checks({ trainBatchSteps: 1e12 }),
    /^a train batch of 20 x \d+ env steps takes .* GiB, this machine has 16\.0 GiB; make the train batch/,
  )
})

test('what fits is let through: the default, a large network, a large batch, and what functions need where they are none', () => {
  for (const config of [{}, { hidden: [4096, 4096] }, { trainBatchSteps: 1_000_000 }])
    expect(checks(config)).not.toThrow()
  expect(checks({ hidden: [15_000, 15_000] }, { learner: 1000 * GIB, function: undefined as never })).not.toThrow()
})

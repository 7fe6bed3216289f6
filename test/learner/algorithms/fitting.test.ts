import { expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { ACTION_KINDS } from '../../../learner/algorithm.ts'
import { algorithmsFor, checkActions } from '../../../learner/algorithms/fitting.ts'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { experiment } from '../../../learner/experiment.ts'
import { train } from '../../../learner/run/service.ts'

const onlyDiscrete = { ...ALGORITHMS.impala(), name: 'dqn', actions: ['discrete'] as const }
const REFUSED =
  /^dqn takes discrete actions, and this environment's are Box\(\[1\], -2\.\.2\); algorithms that take those: .*a2c.*ppo/

test('an algorithm on a space that it cannot take names those that can', () => {
  const torque = { kind: 'box', shape: [1], low: -2, high: 2 } as const
  expect(() => checkActions(onlyDiscrete, torque)).toThrow(REFUSED)
  expect(() => checkActions(onlyDiscrete, { kind: 'discrete', n: 2 })).not.toThrow()
  expect(() => checkActions(ALGORITHMS.ppo(), torque)).not.toThrow()
})

test('a run says so before anything of it starts', async () => {
  const cloud = serialCloud()
  const run = experiment({ env: 'Pendulum-v1', algorithm: onlyDiscrete, stop: { envSteps: 100 } })
  await expect(train(run, { run: 'run', cloud })).rejects.toMatchObject({
    code: 'E_POLICY_SPEC',
    message: expect.stringMatching(REFUSED),
  })
  await cloud.close()
})

test('what a space is listed with is what its algorithms say', () => {
  for (const kind of ACTION_KINDS)
    for (const [name, make] of Object.entries(ALGORITHMS))
      expect(algorithmsFor({ kind }).includes(name)).toBe(make().actions.includes(kind))
})

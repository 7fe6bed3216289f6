// What RLlib Flow's algorithms did and ours must not, each a test that fails where it is done. Of the others, Q1 is in
// shared/stages/gradients.test.ts, Q7 in learner/rollouts/leases/leaseKeeper.test.ts, Q8 (and the operator's side of Q2) in learner/flow/gather.test.ts.
import { expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import type { Algorithm } from '../../../learner/algorithm.ts'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { experiment } from '../../../learner/experiment.ts'
import { ProgramRunner, column, compile } from '../../../learner/program/index.ts'
import type { UpdateLine } from '../../../learner/run/observer.ts'
import { train } from '../../../learner/run/service.ts'
import * as t from '../../../learner/tensor/index.ts'
import { type Feeds, rolloutBatch } from '../program/batches.ts'
import { discrete, programOf, runnerOf } from '../program/programs.ts'

const { a2c, appo, impala, ppo } = ALGORITHMS
const RATES = { learning_rate: 0.01, entropy_coef: 0 }
const SIZES = { T: 5, B: 4, observationShape: [4], actions: 3 }

async function linesOf(algorithm: Algorithm, shards: number): Promise<readonly UpdateLine[]> {
  const cloud = serialCloud()
  const lines: UpdateLine[] = []
  const rollouts = { shards, envsPerShard: 4, fragmentLength: 8 }
  const run = experiment({ env: 'Identity-v0', algorithm, rollouts, stop: { envSteps: 32 * 60 } })
  await train(run, { run: 'run', cloud, observer: { onUpdate: (line) => lines.push(line) } })
  await cloud.close()
  return lines
}

test.each([impala, appo])(
  'Q2: the newest policy reaches every function, not only the one whose fragment filled a batch',
  async (algorithm) => {
    // Six fragments an update, of as many functions: were five of them left behind, their lag would grow with every update.
    const lines = await linesOf(algorithm({ hidden: [8], trainBatchSteps: 192, lead: 1, maxPolicyLag: 1000 }), 6)
    expect(lines.length).toBeGreaterThanOrEqual(8)
    for (const { lag } of lines) expect(lag.max).toBeLessThanOrEqual(2)
  },
)

test('Q3: the target network is copied every so many updates, and at no other time', async () => {
  const program = programOf(appo({ hidden: [8], targetEvery: 3 }), { policy: discrete(3, [4]), T: 5, B: 4 })
  const runner = runnerOf(program)
  let target = program.sets['target']?.initial
  for (let update = 1; update <= 7; update++) {
    await runner.call('update', { columns: rolloutBatch(SIZES, update), rates: RATES })
    const { sets } = runner.save()
    if (update % 3 === 0) target = sets['policy']?.weights
    else expect(sets['policy']?.weights).not.toEqual(target)
    expect(sets['target']?.weights).toEqual(target)
  }
  await runner.close()
})

const ON_POLICY = { a2c, appo, impala, ppo: (config: object) => ppo({ ...config, minibatchSteps: 20, epochs: 1 }) }

test.each(Object.keys(ON_POLICY) as (keyof typeof ON_POLICY)[])(
  'Q4: %s learns from the last step of a fragment, and bootstraps from the observation after it',
  async (name) => {
    const program = programOf(ON_POLICY[name]({ hidden: [8] }), { policy: discrete(3, [4]), T: 5, B: 4 })
    const trained = async (change: (feeds: Feeds) => void) => {
      const columns = rolloutBatch(SIZES)
      change(columns)
      const runner = runnerOf(program)
      await runner.call('update', { columns, rates: RATES })
      const { policy } = runner.save().sets
      await runner.close()
      return policy?.weights
    }
    const set = (column: string, at: number) => (feeds: Feeds) =>
      void (feeds[column]?.data as Float32Array | undefined)?.fill(0.9, at, at + 1)
    const plain = await trained(() => {})
    const last = SIZES.B * (SIZES.T - 1)
    expect(await trained(set('rewards', last))).not.toEqual(plain)
    expect(await trained(set('extra_observations', 0))).not.toEqual(plain)
  },
)

test('Q5: RMSprop takes its decay for a decay of squared gradients, and of no weights', async () => {
  const w = t.parameter('w', [3], () => Float32Array.of(1, -2, 3))
  const loss = t.reduceSum(t.mul(w, column('g', [3])))
  const optimizer = { kind: 'rmsprop', decay: 0.99, epsilon: 1e-5 } as const
  const program = compile(
    {
      sets: { w: [w] },
      graphs: { step: { minimise: { w: { loss, optimizer } } } },
      calls: { update: [{ run: 'step' }] },
      policies: {},
    },
    { name: 'step', uniform: t.seededUniform(1), seed: 1 },
  )
  const runner = new ProgramRunner(t.onnxRuntimeEngine(), program)
  const before = runner.save().sets['w']?.weights
  for (let i = 0; i < 3; i++)
    await runner.call('update', { columns: { g: t.float32([0, 0, 0]) }, rates: { learning_rate: 1 } })
  expect(runner.save().sets['w']?.weights).toEqual(before)
  await runner.close()
})

test.each(Object.keys(ALGORITHMS) as (keyof typeof ALGORITHMS)[])(
  'Q6: the learning rate of %s follows its schedule to the end',
  async (name) => {
    const schedule = { clock: 'trainedSteps', from: 1e-3, to: 1e-4, over: 960 } as const
    const base = ALGORITHMS[name]()
    const small = { hidden: [8], trainBatchSteps: 64, minibatchSteps: 32, learningRate: schedule }
    const known = Object.entries(small).filter(([setting]) => setting in base.config || setting === 'hidden')
    const lines = await linesOf(base.withConfig({ ...base.config, ...Object.fromEntries(known) }), 2)
    let trained = 0
    for (const { metrics, trainedSteps } of lines) {
      expect(metrics['learning_rate']).toBeCloseTo(1e-3 - 9e-4 * Math.min(1, trained / 960), 9)
      trained = trainedSteps
    }
    expect(trained).toBeGreaterThan(960)
  },
)

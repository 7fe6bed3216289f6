// What every algorithm must do. How long its file and its plan are is test/scripts/lines.test.ts's.
import { describe, expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { experiment, withOverrides } from '../../../learner/experiment.ts'
import { mermaid } from '../../../learner/flow/index.ts'
import type { UpdateLine } from '../../../learner/run/observer.ts'
import { planOf } from '../../../learner/planOf.ts'
import { train } from '../../../learner/run/service.ts'
import { loadPolicy } from '../../../library/policy.ts'
import { Random } from '../../../shared/random.ts'
import { discrete, programOf } from '../program/programs.ts'

const SMALL = { hidden: [8], trainBatchSteps: 64, deterministic: true, minibatchSteps: 32, epochs: 2 }
const names = Object.keys(ALGORITHMS) as (keyof typeof ALGORITHMS)[]

/** The algorithm, with those of the settings that it has. */
function small(name: keyof typeof ALGORITHMS) {
  const algorithm = ALGORITHMS[name]()
  const known = Object.entries(SMALL).filter(([setting]) => setting === 'hidden' || setting in algorithm.config)
  return algorithm.withConfig({ ...algorithm.config, ...Object.fromEntries(known) })
}

async function run(name: keyof typeof ALGORITHMS, seed: number, env = 'Identity-v0') {
  const cloud = serialCloud()
  const lines: UpdateLine[] = []
  const rollouts = { shards: 2, envsPerShard: 4, fragmentLength: 8 }
  const one = experiment({ env, algorithm: small(name), rollouts, seed, stop: { envSteps: 640 } })
  const { policy, spec } = await train(one, { run: 'run', cloud, observer: { onUpdate: (line) => lines.push(line) } })
  await cloud.close()
  return { policy: Buffer.from(policy).toString('base64'), model: policy, spec, lines }
}

describe.each(names)('%s', (name) => {
  test('has a plan that draws, and a program with a call and a policy', () => {
    const one = experiment({ env: 'Identity-v0', algorithm: ALGORITHMS[name]() })
    expect(mermaid(planOf(one).plan.graph())).toContain('rollouts')
    const program = programOf(small(name), { policy: discrete(3, [2]), T: 8, B: 8 })
    expect(Object.keys(program.calls)).toEqual(['update'])
    expect(Object.keys(program.policies)).toEqual(['default'])
  })

  test('repeats bit for bit from one seed, and differs from another; its metrics are finite', async () => {
    const [first, again, other] = [await run(name, 1), await run(name, 1), await run(name, 2)]
    expect(again.policy).toBe(first.policy)
    expect(other.policy).not.toBe(first.policy)
    expect(first.lines.length).toBeGreaterThanOrEqual(10)
    for (const { metrics } of first.lines)
      for (const [metric, value] of Object.entries(metrics)) expect(value, metric).toBeTypeOf('number')
  })
})

test.each(names)(
  '%s takes a box of actions: its policy gives numbers within it, the same for one observation',
  async (name) => {
    const { model, spec, lines } = await run(name, 1, 'Pendulum-v1')
    expect(lines.length).toBeGreaterThanOrEqual(10)
    for (const { metrics } of lines) for (const value of Object.values(metrics)) expect(value).toBeTypeOf('number')
    await using policy = await loadPolicy<Float32Array>({ policy: model, spec })
    const action = await policy.act([1, 0, 0.5])
    expect(action).toBeInstanceOf(Float32Array)
    expect(action).toEqual(await policy.act([1, 0, 0.5]))
    const drawn = await policy.actBatch(new Float32Array(30).fill(0.7), { stochastic: true, random: new Random(1) })
    expect(new Set(drawn).size).toBeGreaterThan(5)
    for (const torque of drawn) expect(Math.abs(torque)).toBeLessThanOrEqual(2)
  },
)

test.each(['a2c', 'ppo'] as const)('%s trains on nothing but what its newest policy made', async (name) => {
  const { lines } = await run(name, 3)
  for (const { lag } of lines) expect(lag).toEqual({ min: 0, mean: 0, max: 0 })
})

test('an update of whole rounds takes the same from every shard, and at least the batch', () => {
  for (const shards of [1, 3, 8])
    for (const trainBatchSteps of [1, 500, 4096]) {
      const setting = { shards, fragmentSteps: 160 }
      const algorithm = ALGORITHMS.a2c({ trainBatchSteps })
      const fragments = algorithm.fragmentsPerUpdate(setting)
      expect(fragments % shards).toBe(0)
      expect(fragments * 160).toBeGreaterThanOrEqual(trainBatchSteps)
      expect((fragments - shards) * 160).toBeLessThan(trainBatchSteps)
      expect(algorithm.pacing(setting)).toMatchObject({ mode: 'exact', lead: 0, perVersion: fragments / shards })
    }
})

test.each([
  [
    () => ALGORITHMS.ppo({ minibatchSteps: 100 }),
    /^ppo\.minibatchSteps: 100 does not divide the 2048 env steps .*; 128 does$/,
  ],
  [
    () => ALGORITHMS.ppo({ minibatchSteps: 4096 }),
    /^ppo\.minibatchSteps: 4096 does not divide the 2048 .*; 2048 does$/,
  ],
  [() => ALGORITHMS.appo({ minibatchSteps: 7 }), /^appo\.minibatchSteps: 7 does not divide the 1024 .*; 8 does$/],
  [
    () => ALGORITHMS.ppo({ minibatchSteps: 1 }),
    /^ppo\.minibatchSteps: must be at least 2, or standardizeAdvantages false/,
  ],
  [() => ALGORITHMS.ppo({ epochs: 0 }), /^ppo\.epochs: /],
  [() => ALGORITHMS.a2c({ trainBatchSteps: 0 }), /^a2c\.trainBatchSteps: /],
])('sizes that cannot work are refused where the experiment is written: %s', (algorithm, why) => {
  const rollouts = { shards: 2, envsPerShard: 8, fragmentLength: 128 }
  const write = () => experiment({ env: 'CartPole-v1', algorithm: algorithm(), rollouts })
  expect(write).toThrow(expect.objectContaining({ code: 'E_EXPERIMENT', message: expect.stringMatching(why) }))
})

test('settings that fit together only after an override are taken', () => {
  const base = experiment({ env: 'CartPole-v1', algorithm: ALGORITHMS.ppo() })
  const sets = { 'algorithm.minibatchSteps': '60', 'rollouts.envsPerShard': '15' }
  expect(withOverrides(base, sets).rollouts.envsPerShard).toBe(15)
  expect(() => withOverrides(base, { 'algorithm.minibatchSteps': '60' })).toThrow('does not divide')
})

test('the sizes of rollouts that an algorithm is for are taken where an experiment says none', () => {
  const one = (rollouts?: object) => experiment({ env: 'CartPole-v1', algorithm: ALGORITHMS.ppo(), rollouts }).rollouts
  expect(one()).toMatchObject({ shards: 2, envsPerShard: 8, fragmentLength: 128 })
  expect(one({ envsPerShard: 4 })).toMatchObject({ envsPerShard: 4, fragmentLength: 128 })
})

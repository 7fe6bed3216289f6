// What algorithms with a policy and a value make of masks, several choices, bytes, squashed draws and their settings of a network.
import { describe, expect, test } from 'vitest'
import { a2c } from '../../../learner/algorithms/a2c.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import { ppo } from '../../../learner/algorithms/ppo.ts'
import type { Algorithm } from '../../../learner/algorithm.ts'
import { NETWORK_SETTINGS } from '../../../learner/algorithms/networkSettings.ts'
import { parametersOf } from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import type { PolicySpec } from '../../../shared/policy/spec.ts'
import { discrete, programOf, runnerOf } from '../program/programs.ts'

const [T, B] = [8, 8]
const MAKERS = { a2c, impala, ppo: (config: object) => ppo({ minibatchSteps: 32, epochs: 2, ...config }) }
const names = Object.keys(MAKERS) as (keyof typeof MAKERS)[]
const make = (name: keyof typeof MAKERS, config: object = {}): Algorithm => MAKERS[name]({ hidden: [8], ...config })

/** A random batch for a policy; actions of several choices are 0 or 1. */
function batch(spec: PolicySpec, mask?: readonly number[]): Record<string, t.HostTensor> {
  const uniform = t.seededUniform(3)
  const size = spec.observation.shape.reduce((a, b) => a * b, 1)
  const floats = (n: number) => Float32Array.from({ length: n }, () => 2 * uniform() - 1)
  const bytes = (n: number) => Uint8Array.from({ length: n }, () => Math.floor(256 * uniform()))
  const seen = (...rows: number[]): t.HostTensor => {
    const shape = [...rows, ...spec.observation.shape]
    const length = rows.reduce((a, b) => a * b, size)
    return spec.observation.dtype ? { dtype: 'uint8', shape, data: bytes(length) } : t.float32(floats(length), shape)
  }
  const width =
    spec.action.kind === 'discrete' ? [] : spec.action.kind === 'box' ? spec.action.shape : [spec.action.nvec.length]
  const places = width.reduce((a, b) => a * b, T * B)
  const none: t.HostTensor = { dtype: 'uint8', shape: [T, B], data: new Uint8Array(T * B) }
  return {
    observations: seen(T, B),
    extra_observations: seen(B),
    next_index: t.int32(
      Int32Array.from({ length: T * B }, (_, i) => i + B),
      [T, B],
    ),
    actions:
      spec.action.kind === 'box'
        ? t.float32(floats(places), [T, B, ...width])
        : t.int32(
            Int32Array.from({ length: places }, () => Math.floor(2 * uniform())),
            [T, B, ...width],
          ),
    behaviour_log_probs: t.float32(
      floats(T * B).map((x) => -1 + 0.2 * x),
      [T, B],
    ),
    rewards: t.float32(floats(T * B), [T, B]),
    terminated: none,
    episode_end: none,
    ...(mask && {
      action_mask: {
        dtype: 'uint8' as const,
        shape: [T, B, mask.length],
        data: Uint8Array.from({ length: T * B * mask.length }, (_, i) => mask[i % mask.length] ?? 1),
      },
    }),
  }
}

const RATES = { learning_rate: 0.01, entropy_coef: 0.01 }

/** By name, the weights before and after an update. */
async function update(algorithm: Algorithm, spec: PolicySpec, mask?: readonly number[]) {
  const program = programOf(algorithm, { policy: spec, T, B })
  const runner = runnerOf(program)
  const { metrics } = await runner.call('update', { columns: batch(spec, mask), rates: RATES })
  const [layout, before] = [program.sets['policy']?.layout as t.Layout, program.sets['policy']?.initial as Float32Array]
  const after = runner.save().sets['policy']?.weights as Float32Array
  await runner.close()
  const views = (flat: Float32Array) => t.viewsOf(flat, layout)
  return { metrics, before: views(before), after: views(after) }
}

describe.each(names)('%s', (name) => {
  test('a masked action has no gradient: its logit, and nothing else of the policy, stays as it was', async () => {
    const spec: PolicySpec = { ...discrete(4, [3]), masked: true }
    const { before, after, metrics } = await update(make(name), spec, [1, 1, 0, 1])
    const changed = (row: number) =>
      [0, 1, 2, 3, 4, 5, 6, 7].some((i) => {
        const at = row * 8 + i
        return before['policy.head.weight']?.data[at] !== after['policy.head.weight']?.data[at]
      })
    expect([0, 1, 2, 3].map(changed)).toEqual([true, true, false, true])
    expect(after['policy.head.bias']?.data[2]).toBe(0)
    expect(metrics['entropy']).toBeLessThanOrEqual(Math.log(3) + 1e-6)
    for (const value of Object.values(metrics)) expect(Number.isFinite(value)).toBe(true)
  })

  test('several choices and bytes are learned from; of masked choices likewise', async () => {
    const spec: PolicySpec = {
      observation: { shape: [6, 5, 2], dtype: 'uint8', high: 255 },
      action: { kind: 'multiDiscrete', nvec: [2, 3] },
      distribution: 'multiDiscrete',
      masked: true,
    }
    const { before, after, metrics } = await update(make(name), spec, [1, 1, 1, 1, 0])
    const same = [0, 1, 2, 3, 4].map((i) => before['policy.head.bias']?.data[i] === after['policy.head.bias']?.data[i])
    expect(same).toEqual([false, false, false, false, true])
    expect(before['policy.0.weight']?.shape).toEqual([3, 3, 2, 16])
    expect(before['policy.0.weight']?.data).not.toEqual(after['policy.0.weight']?.data)
    expect(metrics['entropy']).toBeLessThanOrEqual(2 * Math.log(2) + 1e-6)
  })

  test.each([{ squashed: true }, { logStd: 'network', initialLogStd: -1 }, { squashed: true, logStd: 'network' }])(
    'a box of actions with %o',
    async (config) => {
      const box = { kind: 'box' as const, shape: [2], low: -2, high: 2 }
      const fitting: PolicySpec = { observation: { shape: [3] }, action: box, distribution: 'gaussian' }
      const algorithm = make(name, config)
      const spec = algorithm.policy(fitting)
      expect(spec.distribution).toBe(config.squashed ? 'squashedGaussian' : 'gaussian')
      const { before, after, metrics } = await update(algorithm, spec)
      const byNetwork = config.logStd === 'network'
      expect(before['policy.head.weight']?.shape).toEqual([byNetwork ? 4 : 2, 8])
      expect(before['policy.log_std'] === undefined).toBe(byNetwork)
      const deviations = byNetwork ? 'policy.head.bias' : 'policy.log_std'
      expect(after[deviations]?.data).not.toEqual(before[deviations]?.data)
      if (config.initialLogStd) expect(metrics['entropy']).toBeCloseTo(Math.log(2 * Math.PI * Math.E) - 2, 1)
    },
  )

  test('squashed draws are refused where there is no finite box', () => {
    const algorithm = make(name, { squashed: true })
    expect(() => algorithm.policy(discrete(2, [3]))).toThrow(/squashed is for a finite box of actions/)
    const action = { kind: 'box' as const, shape: [1], low: 0, high: Infinity }
    const endless: PolicySpec = { observation: { shape: [3] }, action, distribution: 'gaussian' }
    expect(() => algorithm.policy(endless)).toThrow(expect.objectContaining({ code: 'E_POLICY_SPEC' }))
  })
})

test('every setting of a network changes what is built, and what is not set fits the observations', () => {
  const layers = (config: object, shape: readonly number[] = [4]) => {
    // Not compiled: drawing the first weights of Atari's network takes its time.
    const { sets } = ppo({ minibatchSteps: 32, ...config }).program({ policy: discrete(3, shape), T, B })
    const { entries } = t.layoutOf(parametersOf(sets['policy'] ?? []))
    return Object.fromEntries(entries.map((entry) => [entry.name, entry.shape]))
  }
  expect(Object.keys(layers({})).filter((name) => name.endsWith('weight'))).toEqual([
    'policy.0.weight',
    'policy.1.weight',
    'value.0.weight',
    'value.1.weight',
    'policy.head.weight',
    'value.head.weight',
  ])
  expect(layers({ sharedTrunk: true, hidden: [5] })).toMatchObject({ 'trunk.0.weight': [4, 5] })
  expect(layers({ hidden: [] })).toMatchObject({ 'policy.head.weight': [3, 4] })
  expect(layers({ layerNorm: true })).toMatchObject({ 'policy.1.norm.scale': [64] })
  expect(layers({}, [10, 10, 4])).toMatchObject({
    'policy.0.weight': [3, 3, 4, 16],
    'value.dense.0.weight': [1024, 128],
  })
  expect(layers({}, [84, 84, 4])).toMatchObject({
    'policy.2.weight': [3, 3, 64, 64],
    'policy.dense.0.weight': [3136, 512],
  })
  const convolutions = [{ filters: 7, kernel: 2, stride: 2 }]
  expect(layers({ convolutions, sharedTrunk: true }, [6, 6, 1])).toMatchObject({ 'trunk.0.weight': [2, 2, 1, 7] })
  expect(layers({ convolutions: [], hidden: [9] }, [6, 6, 1])).toMatchObject({ 'policy.0.weight': [36, 9] })
  const { activation } = NETWORK_SETTINGS
  expect(activation.unwrap().options).toEqual(['tanh', 'relu', 'elu', 'silu'])
})

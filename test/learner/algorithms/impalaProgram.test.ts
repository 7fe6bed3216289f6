import { expect, test } from 'vitest'
import * as tfjs from '@tensorflow/tfjs'
import ort from 'onnxruntime-node'
import { impala } from '../../../learner/algorithms/impala.ts'
import type { SetState } from '../../../learner/program/index.ts'
import { type Feeds, rolloutBatch as batch } from '../program/batches.ts'
import { discrete, programOf, runnerOf } from '../program/programs.ts'
import * as t from '../../../learner/tensor/index.ts'
import { MODEL_INPUT, MODEL_OUTPUTS } from '../../../shared/policy/spec.ts'
import { expectClose } from '../tensor/helpers.ts'

interface Options {
  readonly config: NonNullable<Parameters<typeof impala>[0]>
  readonly observationShape: readonly number[]
  readonly actions: number
  readonly T: number
  readonly B: number
}

const CONFIG = {
  hidden: [8, 8],
  gamma: 0.9,
  valueCoef: 0.5,
  rewardScale: 0.5,
  rewardClip: 0.4,
  maxGradNorm: 0.5,
  epsilon: 1e-8,
  publishValue: true,
  sharedTrunk: true,
  normalizeValues: false,
} satisfies Options['config']
const OPTIONS: Options = { config: CONFIG, observationShape: [4], actions: 3, T: 5, B: 3 }
const RATES = { learning_rate: 0.01, entropy_coef: 0.01 }

const made = ({ config, observationShape, actions, T, B }: Options, seed = 1) =>
  programOf(impala(config), { policy: discrete(actions, observationShape), T, B }, seed)

/** Weights and optimizer after one update. */
async function trainedOn(options: Options, change: (feeds: Feeds) => void): Promise<SetState | undefined> {
  const runner = runnerOf(made(options))
  const columns = batch(options)
  change(columns)
  await runner.call('update', { columns, rates: RATES })
  const { policy } = runner.save().sets
  await runner.close()
  return policy
}

const VARIANTS: readonly Options[] = [
  OPTIONS,
  {
    ...OPTIONS,
    config: {
      ...CONFIG,
      sharedTrunk: false,
      activation: 'relu',
      reduction: 'sum',
      optimizer: 'rmsprop',
      epsilon: 0.1,
    },
  },
  { ...OPTIONS, observationShape: [2, 3], config: { ...CONFIG, hidden: [6], cBar: 0.7 } },
]

test.each(VARIANTS)('both engines give the same three updates within 1e-5: %j', async (options) => {
  const states: SetState[] = []
  const metrics: number[][] = []
  for (const engine of [t.onnxRuntimeEngine(), t.tfjsEngine(tfjs as unknown as t.Tf)]) {
    const runner = runnerOf(made(options), engine)
    for (const seed of [3, 4, 5]) {
      const result = await runner.call('update', { columns: batch(options, seed), rates: RATES })
      metrics.push(Object.values(result.metrics))
    }
    states.push(runner.save().sets['policy']!)
    await runner.close()
  }
  const [a, b] = states as [SetState, SetState]
  expect(a.step).toBe(3)
  expect(b.step).toBe(3)
  expectClose(a.weights, b.weights, 1e-5, 'weight')
  for (const [slot, values] of Object.entries(a.slots)) expectClose(values, b.slots[slot] ?? [1], 1e-5, slot)
  for (const i of [0, 1, 2]) expectClose(metrics[i] ?? [], metrics[i + 3] ?? [], 1e-4, 'metric')
})

/** Every reported number again, in float64 and one step after another. */
function byHand(
  { T, B, actions: A, config }: Options,
  feeds: Feeds,
  [logits, values]: [Float32Array, Float32Array],
): Record<string, number> {
  const { gamma = 0, rewardScale = 1, rewardClip = Infinity, valueCoef = 0 } = config
  const at = (name: string, i: number) => Number(feeds[name]?.data[i])
  const targets = new Float64Array(T * B)
  const sums = { policyLoss: 0, valueLoss: 0, entropy: 0, meanRho: 0, meanTarget: 0 }
  for (let b = 0; b < B; b++) {
    let later = { target: 0, correction: 0 } // of the next step
    for (let t = T - 1; t >= 0; t--) {
      const i = t * B + b
      const exps = Array.from({ length: A }, (_, a) => Math.exp(Number(logits[i * A + a])))
      const probabilities = exps.map((e) => e / exps.reduce((p, q) => p + q, 0))
      const logProb = Math.log(Number(probabilities[at('actions', i)]))
      const rho = Math.exp(logProb - at('behaviour_log_probs', i))
      const reward = Math.max(-rewardClip, Math.min(rewardClip, at('rewards', i) * rewardScale))
      const discount = at('terminated', i) ? 0 : gamma
      const [value, next] = [Number(values[i]), Number(values[at('next_index', i)])]
      const cut = at('episode_end', i) === 1 || t === T - 1
      const capped = Math.min(1, rho)
      const correction = capped * (reward + discount * next - value) + (cut ? 0 : discount * capped * later.correction)
      const advantage = capped * (reward + discount * (cut ? next : later.target) - value)
      later = { target: value + correction, correction }
      targets[i] = later.target
      sums.policyLoss -= logProb * advantage
      sums.valueLoss += 0.5 * correction ** 2
      sums.entropy -= probabilities.reduce((sum, p) => sum + p * Math.log(p), 0)
      sums.meanRho += rho
      sums.meanTarget += later.target
    }
  }
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / (T * B)])) as typeof sums
  const variance = (xs: Float64Array) =>
    xs.reduce((s, x) => s + x * x, 0) / xs.length - (xs.reduce((s, x) => s + x, 0) / xs.length) ** 2
  const rest = targets.map((target, i) => target - Number(values[i]))
  const loss = means.policyLoss + valueCoef * means.valueLoss - RATES.entropy_coef * means.entropy
  return { ...means, loss, explainedVariance: 1 - variance(rest) / variance(targets) }
}

test('every metric is what a slow loop over the batch gives, with a termination and a truncation inside', async () => {
  const feeds = batch(OPTIONS)
  const runner = runnerOf(made(OPTIONS))
  const observations = Float32Array.of(
    ...(feeds['observations']?.data as Float32Array),
    ...(feeds['extra_observations']?.data as Float32Array),
  )
  const session = await ort.InferenceSession.create(runner.policy('default'))
  const out = await session.run({ observations: new ort.Tensor('float32', observations, [observations.length / 4, 4]) })
  await session.release()
  const { metrics } = await runner.call('update', { columns: feeds, rates: RATES })
  await runner.close()
  const expected = byHand(OPTIONS, feeds, [
    (out['logits'] as ort.Tensor).data as Float32Array,
    (out['value'] as ort.Tensor).data as Float32Array,
  ])
  expect(Object.keys(metrics).filter((name) => !(name in expected))).toEqual(['gradNorm'])
  for (const [name, value] of Object.entries(expected)) expectClose([metrics[name] ?? Number.NaN], [value], 2e-5, name)
})

/** One environment step a column, whose reward is 1 for action 1 and 0 for action 0: which must become likelier, in closed form. */
test('on a two-armed bandit the first update raises the better action and the value of the state', async () => {
  const { rewardClip: _, ...config } = CONFIG
  const options: Options = { config: { ...config, rewardScale: 1 }, actions: 2, observationShape: [1], T: 1, B: 4 }
  const runner = runnerOf(made(options, 2))
  const ones = { dtype: 'uint8', shape: [1, 4], data: new Uint8Array(4).fill(1) } as const
  const feeds: Feeds = {
    observations: t.float32([1, 1, 1, 1], [1, 4, 1]),
    extra_observations: t.float32([0], [1, 1]),
    next_index: t.int32([4, 4, 4, 4], [1, 4]),
    actions: t.int32([0, 1, 0, 1], [1, 4]),
    behaviour_log_probs: t.float32(new Float32Array(4).fill(Math.log(0.5)), [1, 4]),
    rewards: t.float32([0, 1, 0, 1], [1, 4]),
    terminated: ones,
    episode_end: ones,
  }
  const look = async () => {
    const session = await ort.InferenceSession.create(runner.policy('default'))
    const out = await session.run({ observations: new ort.Tensor('float32', Float32Array.of(1), [1, 1]) })
    await session.release()
    const [a, b] = (out['logits'] as ort.Tensor).data as Float32Array
    return { better: 1 / (1 + Math.exp(Number(a) - Number(b))), value: Number((out['value'] as ort.Tensor).data[0]) }
  }
  const before = await look()
  const update = async () =>
    await runner.call('update', { columns: feeds, rates: { learning_rate: 0.01, entropy_coef: 0 } })
  const { metrics } = await update()
  const after = await look()
  // Advantages are r - V, so the gradient of the better logit is (1 - V) / 4 + V / 4 = 1 / 4 at equal probabilities, whatever V.
  expect(after.better).toBeGreaterThan(before.better)
  expect(Math.abs(after.value - 0.5)).toBeLessThan(Math.abs(before.value - 0.5))
  // Targets are V + min(1, pi / 0.5) (r - V).
  const rho = { worse: Math.min(1, (1 - before.better) / 0.5), better: Math.min(1, before.better / 0.5) }
  const valueLoss = 0.25 * ((rho.worse * before.value) ** 2 + (rho.better * (1 - before.value)) ** 2)
  expectClose([metrics['valueLoss'] ?? 0], [valueLoss], 1e-5)
  for (let i = 0; i < 300; i++) await update()
  const trained = await look()
  expect(trained.better).toBeGreaterThan(0.9)
  await runner.close()
})

test('the state behind a termination does not matter, that behind a truncation does', async () => {
  const nextOf = (index: number, row: number) => (feeds: Feeds) => {
    if (feeds['next_index']) feeds['next_index'].data[index] = row
  }
  const plain = await trainedOn(OPTIONS, () => {})
  expect(await trainedOn(OPTIONS, nextOf(OPTIONS.B, 0))).toEqual(plain)
  expect(await trainedOn(OPTIONS, nextOf(2 * OPTIONS.B + 1, 0))).not.toEqual(plain)
})

test('rewards are scaled and then clipped', async () => {
  const run = async (reward: number) =>
    await trainedOn(OPTIONS, (feeds) => {
      feeds['rewards'] = t.float32(new Float32Array(OPTIONS.T * OPTIONS.B).fill(reward), [OPTIONS.T, OPTIONS.B])
    })
  expect(await run(0.9)).toEqual(await run(100)) // 0.45 and 50, both clipped to 0.4
  expect(await run(0.7)).not.toEqual(await run(0.6)) // 0.35 and 0.3
})

test('the published policy computes what the train step trains, for any number of rows, under the agreed names', async () => {
  const program = made(OPTIONS, 9)
  const { initial, layout } = program.sets['policy']!
  const session = await ort.InferenceSession.create(runnerOf(program).policy('default'))
  expect(session.inputNames).toEqual([MODEL_INPUT])
  expect(session.outputNames).toEqual([MODEL_OUTPUTS.categorical, 'value'])
  const view = t.viewsOf(initial, layout)
  const values = (name: string) => view[name]?.data as Float32Array
  const layer = (x: number[], name: string, columns: number) =>
    Array.from({ length: columns }, (_, j) => {
      const before = x.reduce((sum, v, k) => sum + v * Number(values(`${name}.weight`)[k * columns + j]), 0)
      return Math.tanh(before + Number(values(`${name}.bias`)[j]))
    })
  for (const rows of [1, 6]) {
    const observations = Float32Array.from({ length: rows * 4 }, (_, i) => Math.sin(i))
    const out = await session.run({ observations: new ort.Tensor('float32', observations, [rows, 4]) })
    expect(out['logits']?.dims).toEqual([rows, 3])
    expect(out['value']?.dims).toEqual([rows])
    const hidden = layer(layer(Array.from(observations.slice(0, 4)), 'trunk.0', 8), 'trunk.1', 8)
    const head = (name: string, k: number) =>
      hidden.reduce((sum, v, i) => sum + v * Number(values(`${name}.head.weight`)[k * 8 + i]), 0)
    expectClose(
      ((out['logits'] as ort.Tensor).data as Float32Array).slice(0, 3),
      [0, 1, 2].map((k) => head('policy', k)),
      1e-5,
    )
    expectClose(((out['value'] as ort.Tensor).data as Float32Array).slice(0, 1), [head('value', 0)], 1e-5)
  }
  await session.release()
})

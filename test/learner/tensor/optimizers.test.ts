import { describe, expect, test } from 'vitest'
import { ProgramRunner, column, compile } from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, flat, golden, type Nested } from './helpers.ts'

interface Reference {
  readonly optimizer: string
  readonly hyper: {
    readonly lr: number
    readonly betas?: readonly [number, number]
    readonly eps?: number
    readonly weight_decay?: number
    readonly alpha?: number
    readonly momentum?: number
    readonly centered?: boolean
  }
  readonly w0: readonly number[]
  readonly grads: readonly (readonly number[])[]
  readonly w_after_each: readonly (readonly number[])[]
}

interface ClipReference {
  readonly optimizer: 'clip_grad_global_norm'
  readonly max_norm: number
  readonly global_norm: number
  readonly grads: Nested
  readonly clipped: Nested
}

const all = (golden('nn') as { optimizers: readonly (Reference | ClipReference)[] }).optimizers
const isClip = (r: Reference | ClipReference): r is ClipReference => r.optimizer === 'clip_grad_global_norm'
const references = all.filter((r): r is Reference => !isClip(r))

function configOf({ optimizer, hyper }: Reference): t.OptimizerConfig {
  const { betas = [0.9, 0.999], eps = 0, alpha = 0, momentum = 0, centered = false, weight_decay = 0 } = hyper
  if (optimizer === 'adam' || optimizer === 'adamw') {
    return { kind: optimizer, beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay: weight_decay }
  }
  if (optimizer.startsWith('rmsprop')) return { kind: 'rmsprop', decay: alpha, epsilon: eps, momentum, centered }
  return { kind: 'sgd', momentum }
}

/** Updates with given gradients, as a program whose loss is their product with the weights. */
async function train(
  config: t.OptimizerConfig,
  { w0, grads, lr }: { w0: readonly number[]; grads: readonly (readonly number[])[]; lr: number },
) {
  const w = t.parameter('w', [w0.length], t.zerosInit)
  const loss = t.reduceSum(t.mul(w, column('g', [w0.length])))
  const program = compile(
    {
      sets: { w: [w] },
      graphs: { step: { minimise: { w: { loss, optimizer: config } } } },
      calls: { update: [{ run: 'step' }] },
      policies: {},
    },
    { name: 'step', uniform: t.seededUniform(1), seed: 1 },
  )
  const first = new ProgramRunner(t.onnxRuntimeEngine(), program).save()
  const state = { ...first, sets: { w: { ...first.sets['w']!, weights: Float32Array.from(w0) } } }
  const runner = new ProgramRunner(t.onnxRuntimeEngine(), program, state)
  const after: number[][] = []
  for (const gradient of grads) {
    await runner.call('update', { columns: { g: t.float32(gradient) }, rates: { learning_rate: lr } })
    after.push([...runner.save().sets['w']!.weights])
  }
  await runner.close()
  return after
}

describe.each(references)('$optimizer', (reference) => {
  test("weights after each of five updates are torch's within 1e-5", async () => {
    const after = await train(configOf(reference), { w0: reference.w0, grads: reference.grads, lr: reference.hyper.lr })
    expect(after).toHaveLength(5)
    for (const [i, expected] of reference.w_after_each.entries()) {
      expectClose(after[i] ?? [], expected, 1e-5, `update ${i}`)
      const moved = expected.map((w, j) => w - (reference.w0[j] ?? 0))
      const ours = (after[i] ?? []).map((w, j) => w - Math.fround(reference.w0[j] ?? 0))
      // Against the way gone, too, which is what an error of a small learning rate would hide in.
      for (const [j, m] of moved.entries()) expect(Math.abs((ours[j] ?? 0) - m)).toBeLessThan(1e-6 + 2e-4 * Math.abs(m))
    }
  })
})

test("RMSProp with epsilon inside the root is TensorFlow's: g / sqrt(s + epsilon)", async () => {
  const config = { kind: 'rmsprop', decay: 0.9, epsilon: 0.1, epsilonInside: true } as const
  const [after] = await train(config, { w0: [1, -2], grads: [[0.5, 3]], lr: 0.01 })
  expectClose(
    after ?? [],
    [1 - (0.01 * 0.5) / Math.sqrt(0.1 * 0.25 + 0.1), -2 - (0.01 * 3) / Math.sqrt(0.1 * 9 + 0.1)],
    1e-6,
  )
})

test('Nesterov momentum steps by the gradient plus the momentum after it', async () => {
  const after = await train({ kind: 'sgd', momentum: 0.9, nesterov: true }, { w0: [0], grads: [[1], [1]], lr: 0.1 })
  expectClose(after.flat(), [-0.19, -0.19 - 0.1 * (1 + 0.9 * 1.9)], 1e-6)
})

test("the global norm and the clipped gradients are torch's, and a small gradient is left as it is", async () => {
  const reference = all.find(isClip) as ClipReference
  const values = t.float32(flat(reference.grads))
  const g = t.input('g', values.shape)
  const norm = t.globalNorm(g)
  const outputs = { norm, clipped: t.clipByNorm(g, norm, reference.max_norm), free: t.clipByNorm(g, norm, 100) }
  const got = await evaluate(outputs, new Map([[g, values]]))
  expectClose(got['norm'] ?? [], [reference.global_norm], 1e-6)
  expectClose(got['clipped'] ?? [], flat(reference.clipped), 1e-6)
  expect(got['free']).toEqual(flat(reference.grads).map(Math.fround))
})

import { expect, test } from 'vitest'
import { actorCriticLoss, categorical } from '../../../learner/losses/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, flat, fromNested, golden, type Nested } from '../tensor/helpers.ts'

interface Reference {
  readonly logits: readonly (readonly number[])[]
  readonly logits2: Nested
  readonly log_probs: readonly (readonly number[])[]
  readonly entropy: readonly number[]
  readonly kl_1_2: readonly number[]
  readonly extreme_logits: readonly number[]
  readonly extreme_log_probs: readonly number[]
}

const reference = (golden('nn') as { distributions: { categorical: Reference } }).distributions.categorical

test.each([0, 1] as const)(
  "with actions along axis %i: log-probabilities, entropy and KL are torch's within 1e-5",
  async (axis) => {
    const orient = (x: t.Tensor) => (axis === 0 ? t.transpose(x) : x)
    const a = t.input('a', [4, 5])
    const b = t.input('b', [4, 5])
    const actions = t.input('actions', [4], 'int32')
    const chosen = [4, 0, 2, 1]
    const p = categorical(orient(a), axis)
    const outputs = {
      all: orient(p.logProbs),
      taken: p.logProb(actions),
      entropy: p.entropy(),
      kl: p.kl(categorical(orient(b), axis)),
    }
    const feeds = new Map([
      [a, fromNested(reference.logits)],
      [b, fromNested(reference.logits2)],
      [actions, t.int32(chosen)],
    ])
    const got = await evaluate(outputs, feeds)
    expectClose(got['all'] ?? [], flat(reference.log_probs), 1e-5)
    expectClose(
      got['taken'] ?? [],
      chosen.map((action, i) => reference.log_probs[i]?.[action] ?? Number.NaN),
      1e-5,
    )
    expectClose(got['entropy'] ?? [], reference.entropy, 1e-5)
    expectClose(got['kl'] ?? [], reference.kl_1_2, 1e-5)
  },
)

test.each([0, 1] as const)(
  'with actions along axis %i: logits of ±1000 neither overflow nor lose their order',
  async (axis) => {
    const logits = t.input('logits', axis === 0 ? [3, 1] : [1, 3])
    const feeds = new Map([[logits, t.float32(reference.extreme_logits, axis === 0 ? [3, 1] : [1, 3])]])
    const p = categorical(logits, axis)
    const [g] = t.gradients(t.reduceSum(p.entropy()), [logits]) as [t.Tensor]
    const got = await evaluate({ all: p.logProbs, entropy: p.entropy(), g }, feeds)
    expectClose(got['all'] ?? [], reference.extreme_log_probs, 1e-5)
    expect(got['entropy']?.map(Math.abs)).toEqual([0])
    expect(got['g']?.every(Number.isFinite)).toBe(true)
  },
)

test('the actor-critic loss is its equation, summed or averaged, and its gradient stops where it must', async () => {
  const names = ['logProbs', 'values', 'entropy', 'advantages', 'targets'] as const
  const node = Object.fromEntries(names.map((name) => [name, t.input(name, [2])])) as Record<
    (typeof names)[number],
    t.Tensor
  >
  const numbers = { logProbs: [-1, -2], values: [1, 2], entropy: [0.5, 0.25], advantages: [3, -1], targets: [2, 4] }
  const feeds = new Map(names.map((name) => [node[name], t.float32(numbers[name])]))
  const options = { valueCoef: 0.5, entropyCoef: 0.1 }
  const sum = actorCriticLoss(node, { ...options, reduction: 'sum' })
  const mean = actorCriticLoss(node, { ...options, reduction: 'mean' })
  const [ofLogProbs, ofValues] = t.gradients(sum.total, [node.logProbs, node.values]) as [t.Tensor, t.Tensor]
  const got = await evaluate(
    { total: sum.total, policy: sum.policy, value: sum.value, mean: mean.total, ofLogProbs, ofValues },
    feeds,
  )
  const total = 3 - 2 + 0.5 * 0.5 * (1 + 4) - 0.1 * 0.75
  expectClose(got['policy'] ?? [], [3 - 2], 1e-6)
  expectClose(got['value'] ?? [], [0.5 * (1 + 4)], 1e-6)
  expectClose(got['total'] ?? [], [total], 1e-6)
  expectClose(got['mean'] ?? [], [total / 2], 1e-6)
  expectClose(got['ofLogProbs'] ?? [], [-3, 1], 1e-6)
  expectClose(got['ofValues'] ?? [], [-0.5, -1], 1e-6)
})

import { test } from 'vitest'
import { actorCriticLoss } from '../../../learner/losses/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose } from '../tensor/helpers.ts'

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

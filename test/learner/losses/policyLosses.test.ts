import { describe, expect, test } from 'vitest'
import { categoricalHead } from '../../../learner/heads/index.ts'
import { a2cLoss, appoLoss, cloningLoss, marwilLoss, ppoLoss, standardized } from '../../../learner/losses/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { expectClose, flat, golden, spread, type Nested } from '../tensor/helpers.ts'
import { Feeds } from './feeds.ts'

interface PpoCase {
  readonly inputs: Readonly<
    Record<'old_logp' | 'advantages' | 'new_values' | 'old_values' | 'returns' | 'actions', readonly number[]>
  > & {
    readonly logits: readonly (readonly number[])[]
    readonly clip: number
    readonly value_clip: number | null
    readonly entropy_coef: number
    readonly value_coef: number
    readonly normalize_advantages: boolean
  }
  readonly outputs: Readonly<
    Record<'policy_loss' | 'value_loss' | 'entropy' | 'total' | 'approx_kl_k3' | 'clip_fraction', number>
  > & { readonly grad_logits: Nested; readonly grad_values: Nested }
}

const ppo = (golden('returns') as { ppo: readonly PpoCase[] }).ppo

describe.each(ppo.map((c, i) => ({ ...c, i })))('ppo reference $i', ({ inputs, outputs }) => {
  test('the loss, its parts and both gradients match within 1e-5', async () => {
    const feeds = new Feeds()
    const head = categoricalHead(inputs.logits[0]?.length ?? 0)
    const logits = feeds.add('logits', inputs.logits)
    const values = feeds.add('values', inputs.new_values)
    const advantages = feeds.add('advantages', inputs.advantages)
    const loss = ppoLoss(
      {
        logProbs: head.logProb(logits, feeds.whole('actions', inputs.actions)),
        oldLogProbs: feeds.add('old', inputs.old_logp),
        advantages: inputs.normalize_advantages ? standardized(advantages) : advantages,
        values,
        oldValues: feeds.add('old_values', inputs.old_values),
        returns: feeds.add('returns', inputs.returns),
        entropy: head.entropy(logits),
      },
      {
        clip: inputs.clip,
        valueClip: inputs.value_clip,
        valueCoef: inputs.value_coef,
        entropyCoef: inputs.entropy_coef,
      },
    )
    const [ofLogits, ofValues] = t.gradients(loss.total, [logits, values]) as [t.Tensor, t.Tensor]
    const got = await feeds.evaluate({ ...loss, ofLogits, ofValues })
    expectClose(got['policy'] ?? [], [outputs.policy_loss], 1e-5, 'policy')
    expectClose(got['value'] ?? [], [outputs.value_loss], 1e-5, 'value')
    expectClose(got['entropy'] ?? [], [outputs.entropy], 1e-5, 'entropy')
    expectClose(got['total'] ?? [], [outputs.total], 1e-5, 'total')
    expectClose(got['approxKl'] ?? [], [outputs.approx_kl_k3], 1e-5, 'KL')
    expectClose(got['clipFraction'] ?? [], [outputs.clip_fraction], 1e-5, 'clip fraction')
    expectClose(got['ofLogits'] ?? [], flat(outputs.grad_logits), 1e-5, 'gradient of the logits')
    expectClose(got['ofValues'] ?? [], flat(outputs.grad_values), 1e-5, 'gradient of the values')
  })
})

const N = 6
const column = (seed: number): number[] => [...spread(N, seed)]

test('APPO with data of the target network itself is PPO', async () => {
  const feeds = new Feeds()
  const logProbs = feeds.add('log_probs', column(1))
  const old = feeds.add('old', column(2))
  const [values, returns] = [feeds.add('values', column(3)), feeds.add('returns', column(4))]
  const [advantages, entropy] = [feeds.add('advantages', column(5)), feeds.add('entropy', column(6))]
  const shared = { logProbs, values, advantages, entropy }
  const asPpo = ppoLoss(
    { ...shared, oldLogProbs: old, returns },
    { clip: 0.2, valueClip: null, valueCoef: 0.5, entropyCoef: 0.1 },
  )
  const asAppo = appoLoss(
    { ...shared, targetLogProbs: old, behaviourLogProbs: old, targets: returns },
    { clip: 0.2, valueCoef: 0.5, entropyCoef: 0.1 },
  )
  const [p, a] = [asPpo, asAppo].map((loss) => t.concat(t.gradients(loss.total, [logProbs, values, entropy]))) as [
    t.Tensor,
    t.Tensor,
  ]
  const got = await feeds.evaluate({ ppo: asPpo.total, appo: asAppo.total, p, a })
  expectClose(got['appo'] ?? [], got['ppo'] ?? [], 1e-6)
  expectClose(got['a'] ?? [], got['p'] ?? [], 1e-6)
})

test('APPO caps how far the data may be from the target network, and adds its KL penalty', async () => {
  const feeds = new Feeds()
  const one = feeds.add('one', [1])
  const zero = feeds.add('zero', [0])
  const logProbs = feeds.add('log_probs', [Math.log(0.5)])
  // mu / target is 4, capped to 2; pi / mu is 0.5 / 0.8.
  const behaviour = feeds.add('mu', [Math.log(0.8)])
  const target = feeds.add('target', [Math.log(0.2)])
  const loss = appoLoss(
    {
      logProbs,
      targetLogProbs: target,
      behaviourLogProbs: behaviour,
      values: zero,
      targets: zero,
      advantages: one,
      entropy: zero,
      kl: feeds.add('kl', [3]),
    },
    { clip: 0.5, valueCoef: 1, entropyCoef: 0, klCoef: 0.1 },
  )
  const [g] = t.gradients(loss.total, [logProbs]) as [t.Tensor]
  const got = await feeds.evaluate({ policy: loss.policy, total: loss.total, g })
  expectClose(got['policy'] ?? [], [-1.25], 1e-6)
  expectClose(got['total'] ?? [], [-1.25 + 0.3], 1e-6)
  expectClose(got['g'] ?? [], [-1.25], 1e-6)
})

test('A2C is its equation, and no gradient flows through returns and advantages', async () => {
  const feeds = new Feeds()
  const logProbs = feeds.add('log_probs', [-1, -2])
  const values = feeds.add('values', [1, 2])
  const returns = feeds.add('returns', [2, 4])
  const entropy = feeds.add('entropy', [0.5, 0.25])
  const loss = a2cLoss({ logProbs, values, returns, entropy }, { valueCoef: 0.5, entropyCoef: 0.1 })
  const grads = t.gradients(loss.total, [logProbs, values, returns]) as [t.Tensor, t.Tensor, t.Tensor]
  const got = await feeds.evaluate({ total: loss.total, grads: t.concat(grads) })
  expectClose(got['total'] ?? [], [(1 + 4) / 2 + 0.25 * ((1 + 4) / 2) - (0.1 * 0.75) / 2], 1e-6)
  expectClose(got['grads'] ?? [], [-0.5, -1, -0.25, -0.5, 0, 0], 1e-6)
})

test('MARWIL weighs recorded actions by how good they were, and with beta 0 clones them', async () => {
  const feeds = new Feeds()
  const logProbs = feeds.add('log_probs', [-1, -2])
  const values = feeds.add('values', [0, 0])
  const inputs = { logProbs, values, returns: feeds.add('returns', [1, -2]), scale: feeds.add('scale', 2) }
  const weighed = marwilLoss(inputs, { beta: 2, valueCoef: 0.5 })
  const cloned = marwilLoss(inputs, { beta: 0, valueCoef: 0 })
  const [g, ofValues] = t.gradients(weighed.total, [logProbs, values]) as [t.Tensor, t.Tensor]
  const got = await feeds.evaluate({ ...weighed, cloned: cloned.total, plain: cloningLoss(logProbs), g, ofValues })
  const weights = [Math.exp(1), Math.exp(-2)] as const
  expectClose(got['policy'] ?? [], [(weights[0] + 2 * weights[1]) / 2], 1e-6)
  expectClose(got['squaredAdvantage'] ?? [], [2.5], 1e-6)
  expectClose(got['g'] ?? [], [-weights[0] / 2, -weights[1] / 2], 1e-6)
  expectClose(got['ofValues'] ?? [], [-0.25, 0.5], 1e-6)
  expect(got['cloned']).toEqual(got['plain'])
  expectClose(got['plain'] ?? [], [1.5], 1e-6)
})

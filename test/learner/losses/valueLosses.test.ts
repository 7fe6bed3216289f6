import { describe, expect, test } from 'vitest'
import { squashedGaussianHead } from '../../../learner/heads/index.ts'
import {
  atomsOf,
  byAction,
  c51Loss,
  criticLoss,
  criticTargets,
  deterministicActorLoss,
  dqnLoss,
  duelingQ,
  expectedReturns,
  huber,
  projectedTargets,
  qrDqnLoss,
  qTargets,
  smoothedAction,
  softActorLoss,
  softTargets,
  temperatureLoss,
} from '../../../learner/losses/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { expectClose, flat, golden, type Nested } from '../tensor/helpers.ts'
import { discountsOf, Feeds } from './feeds.ts'

type Vector = readonly number[]
type Matrix = readonly Vector[]

interface Golden {
  readonly dqn: readonly {
    inputs: Record<'q' | 'next_q_online' | 'next_q_target', Matrix> &
      Record<'actions' | 'rewards' | 'terminated' | 'weights', Vector> & { gamma: number }
    outputs: Record<'target' | 'double_target' | 'td_error', Vector> &
      Record<'huber1_mean' | 'mse_mean' | 'weighted_huber1_mean', number>
  }[]
  readonly c51: readonly {
    inputs: Record<'next_probs' | 'logits', Matrix> &
      Record<'rewards' | 'terminated', Vector> &
      Record<'gamma' | 'vmin' | 'vmax' | 'n_atoms', number>
    outputs: { projected: Matrix; cross_entropy: Vector; grad_logits_mean_loss: Nested }
  }[]
  readonly qrdqn: readonly {
    inputs: Record<'theta' | 'target', Matrix> & { kappa: number }
    outputs: Record<'loss_per_sample' | 'loss_per_sample_div_kappa', Vector> & {
      mean_loss: number
      grad_theta_mean_loss: Nested
    }
  }[]
  readonly sac: readonly {
    inputs: Record<'mu' | 'log_std' | 'eps', Matrix> &
      Record<'q1' | 'q2' | 'target_q1' | 'target_q2' | 'rewards' | 'terminated' | 'next_logp', Vector> &
      Record<'alpha' | 'gamma' | 'target_entropy', number>
    outputs: { target: Vector } & Record<
      'critic_loss_mse_sum' | 'actor_loss' | 'alpha_loss_log_form' | 'grad_log_alpha_of_log_form',
      number
    >
  }[]
}

const reference = golden('returns') as Golden

test.each(reference.dqn)('DQN: targets, errors and losses match the reference within 1e-5', async (c) => {
  const feeds = new Feeds()
  const q = feeds.add('q', c.inputs.q)
  const actions = feeds.whole('actions', c.inputs.actions)
  const weights = feeds.add('weights', c.inputs.weights)
  const next = {
    nextQ: feeds.add('next_q', c.inputs.next_q_target),
    rewards: feeds.add('rewards', c.inputs.rewards),
    discounts: feeds.add('discounts', discountsOf(c.inputs.terminated, c.inputs.gamma)),
  }
  const targets = qTargets(next)
  const double = qTargets({ ...next, nextQOnline: feeds.add('online', c.inputs.next_q_online) })
  const plain = dqnLoss({ q, actions, targets }, { huberAt: 1 })
  const squared = dqnLoss({ q, actions, targets }, { huberAt: null })
  const weighted = dqnLoss({ q, actions, targets, weights }, { huberAt: 1 })
  const [g] = t.gradients(weighted.total, [q]) as [t.Tensor]
  const losses = { plain: plain.total, squared: squared.total, weighted: weighted.total }
  const got = await feeds.evaluate({ targets, double, errors: plain.errors, ...losses, g })
  expectClose(got['targets'] ?? [], c.outputs.target, 1e-5, 'target')
  expectClose(got['double'] ?? [], c.outputs.double_target, 1e-5, 'double target')
  expectClose(got['errors'] ?? [], c.outputs.td_error, 1e-5, 'error')
  expectClose(got['plain'] ?? [], [c.outputs.huber1_mean], 1e-5)
  expectClose(got['squared'] ?? [], [c.outputs.mse_mean], 1e-5)
  expectClose(got['weighted'] ?? [], [c.outputs.weighted_huber1_mean], 1e-5)
  const A = c.inputs.q[0]?.length ?? 0
  const slopes = c.outputs.td_error.map(
    (e, i) => (Math.max(-1, Math.min(1, e)) * (c.inputs.weights[i] ?? 0)) / c.outputs.td_error.length,
  )
  const expected = slopes.flatMap((s, i) => Array.from({ length: A }, (_, a) => (a === c.inputs.actions[i] ? s : 0)))
  expectClose(got['g'] ?? [], expected, 1e-6, 'gradient')
})

test('a dueling combination adds the value to advantages less their mean, for numbers and for distributions', async () => {
  const feeds = new Feeds()
  const [value, advantages] = [
    feeds.add('v', [[10], [20]]),
    feeds.add('a', [
      [1, 3],
      [0, -4],
    ]),
  ]
  const atoms = duelingQ(t.reshape(value, [2, 1, 1]), byAction(advantages, 1))
  const got = await feeds.evaluate({ q: duelingQ(value, advantages), atoms })
  expect(got['q']).toEqual([9, 11, 22, 18])
  expect(got['atoms']).toEqual([9, 11, 22, 18])
})

test('huber is quadratic inside and linear outside, and the two meet', async () => {
  const feeds = new Feeds()
  const x = feeds.add('x', [-3, -2, -0.5, 0, 2, 5])
  const [g] = t.gradients(t.reduceSum(huber(x, 2)), [x]) as [t.Tensor]
  const got = await feeds.evaluate({ y: huber(x, 2), g })
  expect(got['y']).toEqual([4, 2, 0.125, 0, 2, 8])
  expect(got['g']).toEqual([-2, -2, -0.5, 0, 2, 2])
})

describe.each(reference.c51.map((c, i) => ({ ...c, i })))('C51 reference $i', ({ inputs, outputs }) => {
  test('projection, cross-entropy and gradient match within 1e-5, and mass is kept', async () => {
    const feeds = new Feeds()
    const support = { low: inputs.vmin, high: inputs.vmax, atoms: inputs.n_atoms }
    const logits = feeds.add('logits', inputs.logits)
    const targets = projectedTargets(
      {
        probabilities: feeds.add('next', inputs.next_probs),
        rewards: feeds.add('rewards', inputs.rewards),
        discounts: feeds.add('discounts', discountsOf(inputs.terminated, inputs.gamma)),
      },
      support,
    )
    const { total, rows } = c51Loss({ logits, targets })
    const [g] = t.gradients(total, [logits]) as [t.Tensor]
    // Of two actions with these atoms each the second is taken.
    const pair = byAction(t.concat([t.mul(logits, 2), logits], 1), inputs.n_atoms)
    const second = feeds.whole(
      'second',
      inputs.rewards.map(() => 1),
    )
    const mean = expectedReturns(logits, support)
    const got = await feeds.evaluate({ targets, rows, g, taken: atomsOf(pair, second), mean })
    expectClose(got['targets'] ?? [], flat(outputs.projected), 1e-5, 'target')
    expectClose(got['rows'] ?? [], outputs.cross_entropy, 1e-5, 'cross-entropy')
    expectClose(got['g'] ?? [], flat(outputs.grad_logits_mean_loss), 1e-5, 'gradient')
    expect(got['taken']).toEqual(flat(inputs.logits).map(Math.fround))
    const masses = inputs.rewards.map((_, row) =>
      got['targets']?.slice(row * inputs.n_atoms, (row + 1) * inputs.n_atoms).reduce((a, b) => a + b, 0),
    )
    expectClose(
      masses as number[],
      masses.map(() => 1),
      1e-5,
      'mass',
    )
    const means = inputs.logits.map((row) => {
      const exps = row.map(Math.exp)
      const z = (i: number) => inputs.vmin + (i * (inputs.vmax - inputs.vmin)) / (inputs.n_atoms - 1)
      return exps.reduce((sum, e, i) => sum + e * z(i), 0) / exps.reduce((a, b) => a + b, 0)
    })
    expectClose(got['mean'] ?? [], means, 1e-5, 'mean')
  })
})

describe.each(reference.qrdqn.map((c, i) => ({ ...c, i })))('QR-DQN reference $i', ({ inputs, outputs }) => {
  test('rows, their mean and its gradient match within 1e-5', async () => {
    const feeds = new Feeds()
    const quantiles = feeds.add('theta', inputs.theta)
    const given = { quantiles, targets: feeds.add('target', inputs.target) }
    const { total, rows } = qrDqnLoss(given, { kappa: inputs.kappa })
    const divided = qrDqnLoss(given, { kappa: inputs.kappa, divided: true }).rows
    const [g] = t.gradients(total, [quantiles]) as [t.Tensor]
    const got = await feeds.evaluate({ total, rows, divided, g })
    expectClose(got['rows'] ?? [], outputs.loss_per_sample, 1e-5, 'row')
    expectClose(got['divided'] ?? [], outputs.loss_per_sample_div_kappa, 1e-5, 'row over kappa')
    expectClose(got['total'] ?? [], [outputs.mean_loss], 1e-5, 'mean')
    expectClose(got['g'] ?? [], flat(outputs.grad_theta_mean_loss), 1e-5, 'gradient')
  })
})

describe.each(reference.sac.map((c, i) => ({ ...c, i })))('SAC reference $i', ({ inputs, outputs }) => {
  test('targets, critic, actor and temperature losses match within 1e-5', async () => {
    const feeds = new Feeds()
    const { alpha } = inputs
    const targets = softTargets({
      nextQ1: feeds.add('target_q1', inputs.target_q1),
      nextQ2: feeds.add('target_q2', inputs.target_q2),
      nextLogProbs: feeds.add('next_logp', inputs.next_logp),
      rewards: feeds.add('rewards', inputs.rewards),
      discounts: feeds.add('discounts', discountsOf(inputs.terminated, inputs.gamma)),
      alpha,
    })
    const q = [feeds.add('q1', inputs.q1), feeds.add('q2', inputs.q2)] as const
    const head = squashedGaussianHead({ dimensions: inputs.mu[0]?.length ?? 0, logStd: 'network' })
    const params = t.concat([feeds.add('mu', inputs.mu), feeds.add('log_std', inputs.log_std)], 1)
    const { logProb } = head.sample(params, feeds.add('eps', inputs.eps))
    const logAlpha = feeds.add('log_alpha', Math.log(alpha))
    const temperature = temperatureLoss(logAlpha, logProb, inputs.target_entropy)
    const [g] = t.gradients(temperature, [logAlpha]) as [t.Tensor]
    const critic = criticLoss(q, targets)
    const actor = softActorLoss(logProb, q, alpha)
    const got = await feeds.evaluate({ targets, critic: critic.total, errors: critic.errors, actor, temperature, g })
    expectClose(got['targets'] ?? [], outputs.target, 1e-5, 'target')
    expectClose(got['critic'] ?? [], [outputs.critic_loss_mse_sum], 1e-5, 'critic')
    expectClose(got['actor'] ?? [], [outputs.actor_loss], 1e-5, 'actor')
    expectClose(got['temperature'] ?? [], [outputs.alpha_loss_log_form], 1e-5, 'temperature')
    expectClose(got['g'] ?? [], [outputs.grad_log_alpha_of_log_form], 1e-5, 'gradient of log alpha')
    const errors = outputs.target.map(
      (y, i) => (Math.abs((inputs.q1[i] ?? 0) - y) + Math.abs((inputs.q2[i] ?? 0) - y)) / 2,
    )
    expectClose(got['errors'] ?? [], errors, 1e-5, 'error')
  })
})

test('TD3: limited noise inside the box, the lesser critic, and a policy that climbs Q; DDPG is the case of one', async () => {
  const feeds = new Feeds()
  const action = feeds.add('action', [
    [0.5, -0.9],
    [0, 1],
  ])
  const smoothed = smoothedAction(
    action,
    feeds.add('noise', [
      [1, -9],
      [-9, 1],
    ]),
    { sigma: 0.2, limit: 0.5 },
  )
  const [q1, q2] = [feeds.add('q1', [3, 1]), feeds.add('q2', [2, 5])]
  const next = { rewards: feeds.add('rewards', [1, 1]), discounts: feeds.add('discounts', [0.5, 0]) }
  const two = criticTargets({ ...next, nextQ: [q1, q2] })
  const one = criticTargets({ ...next, nextQ: [q1] })
  const [g] = t.gradients(deterministicActorLoss(q1), [q1]) as [t.Tensor]
  const got = await feeds.evaluate({ smoothed, two, one, g, single: criticLoss([q1], one).total })
  expectClose(got['smoothed'] ?? [], [0.7, -1, -0.5, 1], 1e-6)
  expect(got['two']).toEqual([2, 1])
  expect(got['one']).toEqual([2.5, 1])
  expect(got['g']).toEqual([-0.5, -0.5])
  expect(got['single']).toEqual([0.125])
})

test('no gradient flows through any target', () => {
  const x = (name: string) => t.input(name, ['N'])
  const wide = t.input('wide', ['N', 3])
  const all = [x('a'), x('b'), x('c'), x('d'), wide] as const
  const [a, b, c, d] = all
  const targets = [
    qTargets({ nextQ: wide, rewards: a, discounts: b }),
    qTargets({ nextQ: wide, nextQOnline: wide, rewards: a, discounts: b }),
    softTargets({ nextQ1: a, nextQ2: b, nextLogProbs: c, rewards: d, discounts: a, alpha: 0.1 }),
    criticTargets({ nextQ: [a, b], rewards: c, discounts: d }),
    t.reduceSum(projectedTargets({ probabilities: wide, rewards: a, discounts: b }, { low: 0, high: 1, atoms: 3 }), {
      axes: [1],
    }),
  ]
  for (const target of targets) {
    const users = all.map((node) => t.gradients(t.reduceSum(target), [node])[0] as t.Tensor)
    for (const g of users) expect(['constant', 'expandAs']).toContain(g.op.name) // zeros
  }
})

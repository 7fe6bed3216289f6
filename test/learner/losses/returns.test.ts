import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { categoricalHead } from '../../../learner/heads/index.ts'
import { gae, reverseLinearScan, vtrace, type VtraceInputs } from '../../../learner/losses/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, flat, fromNested, golden, type Nested } from '../tensor/helpers.ts'

interface Episodes {
  readonly rewards: Nested
  readonly values: Nested
  readonly next_values: Nested
  readonly terminated: readonly (readonly number[])[]
  readonly truncated: readonly (readonly number[])[]
  readonly gamma: number
  readonly lambda: number
}

interface VtraceCase {
  readonly inputs: Episodes & {
    readonly behaviour_logits: Nested
    readonly target_logits: Nested
    readonly actions: readonly (readonly number[])[]
    readonly rho_bar: number | null
    readonly c_bar: number | null
    readonly pg_rho_bar: number | null
  }
  readonly outputs: { readonly log_rhos: Nested; readonly vs: Nested; readonly pg_advantages: Nested }
}

interface DeepMindCase {
  readonly inputs: {
    readonly log_rhos: Nested
    readonly discounts: Nested
    readonly rewards: Nested
    readonly values: readonly (readonly number[])[]
    readonly bootstrap_value: readonly number[]
    readonly clip_rho_threshold: number
    readonly clip_pg_rho_threshold: number
  }
  readonly outputs: { readonly vs: Nested; readonly pg_advantages: Nested }
}

interface GaeCase {
  readonly inputs: Episodes
  readonly outputs: { readonly advantages: Nested; readonly returns: Nested }
}

const reference = golden('returns') as {
  vtrace: readonly VtraceCase[]
  vtrace_deepmind_test_case: readonly DeepMindCase[]
  gae: readonly GaeCase[]
}

/** Inputs of a graph with what they are fed. */
class Feeds {
  readonly map = new Map<t.Tensor, t.HostTensor>()

  add(name: string, values: Nested): t.Tensor {
    const value = fromNested(values)
    const node = t.input(name, value.shape)
    this.map.set(node, value)
    return node
  }
}

/** What V-trace and GAE share: discounts that end at terminations, traces that end at both. */
function episodes(feeds: Feeds, given: Episodes) {
  const terminated = feeds.add('terminated', given.terminated)
  const truncated = feeds.add('truncated', given.truncated)
  return {
    rewards: feeds.add('rewards', given.rewards),
    values: feeds.add('values', given.values),
    nextValues: feeds.add('next_values', given.next_values),
    discounts: t.mul(t.sub(1, terminated), given.gamma),
    continues: t.sub(1, t.maximum(terminated, truncated)),
  }
}

describe.each(reference.vtrace.map((c, i) => ({ ...c, i })))('vtrace reference $i', ({ inputs, outputs }) => {
  test('log ratios, targets and advantages match within 1e-5, with episodes ending inside', async () => {
    const feeds = new Feeds()
    const [T, B] = [inputs.actions.length, inputs.actions[0]?.length ?? 0]
    const actions = t.constant(t.int32(flat(inputs.actions)))
    const logProbs = (name: string, logits: Nested) => {
      const node = feeds.add(name, logits)
      return t.reshape(categoricalHead(node.shape.at(-1) as number).logProb(t.reshape(node, [T * B, -1]), actions), [
        T,
        B,
      ])
    }
    const targetLogProbs = logProbs('target', inputs.target_logits)
    const behaviourLogProbs = logProbs('behaviour', inputs.behaviour_logits)
    const result = vtrace(
      { targetLogProbs, behaviourLogProbs, ...episodes(feeds, inputs) },
      { rhoBar: inputs.rho_bar, cBar: inputs.c_bar, pgRhoBar: inputs.pg_rho_bar, lambda: inputs.lambda },
    )
    const logRhos = t.sub(targetLogProbs, behaviourLogProbs)
    const got = await evaluate({ logRhos, targets: result.targets, advantages: result.advantages }, feeds.map)
    expect(
      flat(inputs.terminated)
        .concat(flat(inputs.truncated))
        .some((x) => x === 1),
    ).toBe(true)
    expectClose(got['logRhos'] ?? [], flat(outputs.log_rhos), 1e-5, 'log rho')
    expectClose(got['targets'] ?? [], flat(outputs.vs), 1e-5, 'target')
    expectClose(got['advantages'] ?? [], flat(outputs.pg_advantages), 1e-5, 'advantage')
  })
})

describe.each(reference.vtrace_deepmind_test_case.map((c, i) => ({ ...c, i })))(
  "vtrace, DeepMind's own case $i",
  ({ inputs, outputs }) => {
    test('targets and advantages match within 1e-5', async () => {
      const feeds = new Feeds()
      const logRhos = feeds.add('log_rhos', inputs.log_rhos)
      const ones = t.add(t.mul(logRhos, 0), 1)
      const result = vtrace(
        {
          targetLogProbs: logRhos,
          behaviourLogProbs: t.mul(logRhos, 0),
          rewards: feeds.add('rewards', inputs.rewards),
          values: feeds.add('values', inputs.values),
          nextValues: feeds.add('next_values', [...inputs.values.slice(1), inputs.bootstrap_value]),
          discounts: feeds.add('discounts', inputs.discounts),
          continues: ones,
        },
        { rhoBar: inputs.clip_rho_threshold, cBar: 1, pgRhoBar: inputs.clip_pg_rho_threshold },
      )
      const got = await evaluate({ targets: result.targets, advantages: result.advantages }, feeds.map)
      expectClose(got['targets'] ?? [], flat(outputs.vs), 1e-5, 'target')
      expectClose(got['advantages'] ?? [], flat(outputs.pg_advantages), 1e-5, 'advantage')
    })
  },
)

describe.each(reference.gae.map((c, i) => ({ ...c, i })))('gae reference $i', ({ inputs, outputs }) => {
  test('advantages and returns match within 1e-5, with episodes ending inside', async () => {
    const feeds = new Feeds()
    const result = gae(episodes(feeds, inputs), inputs.lambda)
    const got = await evaluate({ ...result }, feeds.map)
    expectClose(got['advantages'] ?? [], flat(outputs.advantages), 1e-5, 'advantage')
    expectClose(got['returns'] ?? [], flat(outputs.returns), 1e-5, 'return')
  })
})

test('no gradient flows through the results of vtrace and gae', () => {
  const names = [
    'targetLogProbs',
    'behaviourLogProbs',
    'rewards',
    'values',
    'nextValues',
    'discounts',
    'continues',
  ] as const
  const inputs = Object.fromEntries(names.map((name) => [name, t.input(name, [3, 2])])) as unknown as VtraceInputs
  const { targets, advantages, rhos } = vtrace(inputs, { rhoBar: 1, cBar: 1, pgRhoBar: 1 })
  const estimate = gae(inputs, 0.95)
  const loss = t.reduceSum(t.add(t.add(targets, t.add(advantages, rhos)), t.add(estimate.advantages, estimate.returns)))
  for (const g of t.gradients(loss, Object.values(inputs) as t.Tensor[])) expect(g.op.name).toBe('constant')
})

test('on-policy V-trace targets are n-step Bellman targets', async () => {
  const feeds = new Feeds()
  const zero = feeds.add('log_probs', [[0], [0], [0]])
  const result = vtrace(
    {
      targetLogProbs: zero,
      behaviourLogProbs: zero,
      rewards: feeds.add('rewards', [[1], [2], [4]]),
      values: feeds.add('values', [[10], [20], [30]]),
      nextValues: feeds.add('next', [[20], [30], [8]]),
      discounts: t.add(zero, 0.5),
      continues: t.add(zero, 1),
    },
    { rhoBar: 1, cBar: 1, pgRhoBar: 1 },
  )
  const got = await evaluate({ targets: result.targets }, feeds.map)
  expect(got['targets']).toEqual([1 + 0.5 * (2 + 0.5 * (4 + 0.5 * 8)), 2 + 0.5 * (4 + 0.5 * 8), 4 + 0.5 * 8])
})

test('the scan is the recursion x_t = b_t + a_t x_(t+1), for every number of rows', async () => {
  const rows = fc.integer({ min: 1, max: 40 })
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 2 ** 30 }), async (T, seed) => {
      const uniform = t.seededUniform(seed)
      const draw = () => Array.from({ length: T }, () => [2 * uniform() - 1, uniform()])
      const [a, b] = [draw(), draw()]
      const feeds = new Feeds()
      const scanned = reverseLinearScan(feeds.add('a', a), feeds.add('b', b))
      const expected = b.map((row) => [...row])
      for (let i = T - 2; i >= 0; i--) {
        for (const j of [0, 1]) expected[i]![j]! += a[i]![j]! * expected[i + 1]![j]!
      }
      const got = await evaluate({ scanned }, feeds.map)
      expectClose(got['scanned'] ?? [], flat(expected), 1e-5)
    }),
    { numRuns: 12 },
  )
})

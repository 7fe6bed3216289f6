import { describe, expect, test } from 'vitest'
import { makeHead, unsquash, type Head } from '../../../learner/heads/index.ts'
import { deduplicate } from '../../../learner/tensor/graph.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, flat, fromNested, golden, type Nested } from '../tensor/helpers.ts'

interface Distributions {
  readonly gaussian: Readonly<Record<'mu' | 'log_std' | 'mu2' | 'log_std2' | 'x', readonly (readonly number[])[]>> &
    Readonly<Record<'logp' | 'entropy' | 'kl_1_2', readonly number[]>>
  readonly categorical: Readonly<Record<'logits' | 'logits2' | 'log_probs', readonly (readonly number[])[]>> &
    Readonly<Record<'entropy' | 'kl_1_2' | 'extreme_logits' | 'extreme_log_probs', readonly number[]>>
}
interface SacCase {
  readonly inputs: Readonly<Record<'mu' | 'log_std' | 'eps', readonly (readonly number[])[]>>
  readonly outputs: { readonly action: Nested; readonly logp: readonly number[] }
}

const { gaussian, categorical } = (golden('nn') as { distributions: Distributions }).distributions
const sac = (golden('returns') as { sac: readonly SacCase[] }).sac

const rows = (name: string, width: number) => t.input(name, ['N', width])
const beside = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] =>
  a.map((row, i) => [...row, ...(b[i] ?? [])])

test("the normal distribution's log-probability, entropy and KL are torch's within 1e-5", async () => {
  const head = makeHead('gaussian', { dimensions: 3, logStd: 'network' })
  const [p, q, x] = [rows('p', 6), rows('q', 6), rows('x', 3)]
  const feeds = new Map([
    [p, fromNested(beside(gaussian.mu, gaussian.log_std))],
    [q, fromNested(beside(gaussian.mu2, gaussian.log_std2))],
    [x, fromNested(gaussian.x)],
  ])
  const outputs = { logProb: head.logProb(p, x), entropy: head.entropy(p), kl: head.kl(p, q), mode: head.mode(p) }
  const got = await evaluate(outputs, feeds)
  expectClose(got['logProb'] ?? [], gaussian.logp, 1e-5, 'log-probability')
  expectClose(got['entropy'] ?? [], gaussian.entropy, 1e-5, 'entropy')
  expectClose(got['kl'] ?? [], gaussian.kl_1_2, 1e-5, 'divergence')
  expectClose(got['mode'] ?? [], flat(gaussian.mu), 1e-6, 'mode')
})

test('with actions along the first axis everything is the same', async () => {
  const [rowsHead, columnsHead] = [
    makeHead('categorical', { actions: 5 }),
    makeHead('categorical', { actions: 5, axis: 0 }),
  ]
  const [a, b] = [rows('a', 5), rows('b', 5)]
  const [actions, mask, noise] = [
    t.input('actions', ['N'], 'int32'),
    t.input('mask', ['N', 5], 'uint8'),
    rows('noise', 1),
  ]
  const weighed = (g: t.Tensor) => t.reduceSum(t.mul(g, t.constant(t.float32([1, 2, 3, 4, 5]))), { axes: [1] })
  const of = (head: Head, p: t.Tensor, q: t.Tensor) => {
    const masked = (head.mask as NonNullable<Head['mask']>)(p, mask)
    const loss = t.reduceSum(t.add(head.logProb(masked, actions), t.add(head.entropy(masked), head.kl(p, q))))
    const draw = head.sample(masked, noise)
    const all = [head.logProb(masked, actions), head.entropy(masked), head.kl(p, q), draw.logProb]
    const whole = [head.mode(masked), draw.drawn].map((x) => t.cast(x, 'float32'))
    return t.concat([...all, ...whole, ...t.gradients(loss, [a, b]).map(weighed)])
  }
  const feeds = new Map<t.Tensor, t.HostTensor>([
    [a, fromNested(categorical.logits)],
    [b, fromNested(categorical.logits2)],
    [actions, t.int32([4, 0, 2, 1])],
    [mask, { dtype: 'uint8', shape: [4, 5], data: Uint8Array.from({ length: 20 }, (_, i) => (i % 6 === 3 ? 0 : 1)) }],
    [noise, fromNested([[0.1], [0.4], [0.7], [0.99]])],
  ])
  const outputs = { rows: of(rowsHead, a, b), columns: of(columnsHead, t.transpose(a), t.transpose(b)) }
  const got = await evaluate(outputs, feeds)
  expectClose(got['columns'] ?? [], got['rows'] ?? [], 1e-6)
})

test.each([0, 1] as const)(
  'with actions along axis %i: logits of ±1000 neither overflow nor lose their order',
  async (axis) => {
    const head = makeHead('categorical', { actions: 3, axis })
    const logits = t.input('logits', axis === 0 ? [3, 1] : [1, 3])
    const value = t.float32(categorical.extreme_logits, axis === 0 ? [3, 1] : [1, 3])
    const taken = [0, 1, 2].map((action) => head.logProb(logits, t.constant(t.int32([action]))))
    const [g] = t.gradients(t.reduceSum(head.entropy(logits)), [logits]) as [t.Tensor]
    const got = await evaluate({ all: t.concat(taken), entropy: head.entropy(logits), g }, new Map([[logits, value]]))
    expectClose(got['all'] ?? [], categorical.extreme_log_probs, 1e-5)
    expect(got['entropy']?.map(Math.abs)).toEqual([0])
    expect(got['g']?.every(Number.isFinite)).toBe(true)
  },
)

test('log-probabilities and entropies of one tensor share its log-softmax, whose gradient is computed once', () => {
  const head = makeHead('categorical', { actions: 3, axis: 0 })
  const logits = t.input('logits', [3, 4])
  const loss = t.reduceSum(t.add(head.logProb(logits, t.constant(t.int32([0, 1, 2, 0]))), head.entropy(logits)))
  const { nodes } = deduplicate([loss, ...t.gradients(loss, [logits])])
  expect(nodes.filter(({ op }) => op.name === 'logSoftmax')).toHaveLength(1)
  expect(nodes.filter(({ op, shape }) => op.name === 'reduceSum' && shape.join() === '1,4')).toHaveLength(1)
})

test("the categorical distribution's are torch's, and those of two choices are sums over them", async () => {
  const one = makeHead('categorical', { actions: 5 })
  const two = makeHead('multiDiscrete', { choices: [5, 5] })
  const [a, b] = [rows('a', 5), rows('b', 5)]
  const actions = t.input('actions', ['N'], 'int32')
  const [both, other] = [t.concat([a, b], 1), t.concat([b, a], 1)]
  const pairs = t.concat([t.expandLast(actions), t.expandLast(actions)], 1)
  const feeds = new Map([
    [a, fromNested(categorical.logits)],
    [b, fromNested(categorical.logits2)],
    [actions, t.int32([4, 0, 2, 1])],
  ])
  const got = await evaluate(
    {
      logProb: one.logProb(a, actions),
      entropy: one.entropy(a),
      kl: one.kl(a, b),
      mode: one.mode(a),
      logProbs: two.logProb(both, pairs),
      otherLogProb: one.logProb(b, actions),
      entropies: two.entropy(both),
      otherEntropy: one.entropy(b),
      kls: two.kl(both, other),
      otherKl: one.kl(b, a),
      modes: two.mode(both),
    },
    feeds,
  )
  const sum = (x: string, y: string) => (got[x] ?? []).map((v, i) => v + (got[y]?.[i] ?? Number.NaN))
  const taken = [4, 0, 2, 1].map((action, i) => categorical.log_probs[i]?.[action] ?? Number.NaN)
  expectClose(got['logProb'] ?? [], taken, 1e-5)
  expectClose(got['entropy'] ?? [], categorical.entropy, 1e-5)
  expectClose(got['kl'] ?? [], categorical.kl_1_2, 1e-5)
  expect(got['mode']).toEqual(categorical.logits.map((row) => row.indexOf(Math.max(...row))))
  expectClose(got['logProbs'] ?? [], sum('logProb', 'otherLogProb'), 1e-6)
  expectClose(got['entropies'] ?? [], sum('entropy', 'otherEntropy'), 1e-6)
  expectClose(got['kls'] ?? [], sum('kl', 'otherKl'), 1e-6)
  expect(got['modes']?.filter((_, i) => i % 2 === 0)).toEqual(got['mode'])
})

describe.each(sac.map((c, i) => ({ ...c, i })))('squashed normal, SAC reference $i', ({ inputs, outputs }) => {
  test('a draw from given noise, its action and its log-probability match within 1e-5', async () => {
    const D = inputs.mu[0]?.length ?? 0
    const head = makeHead('squashedGaussian', { dimensions: D, logStd: 'network' })
    const [p, noise] = [rows('p', 2 * D), rows('noise', D)]
    const feeds = new Map([
      [p, fromNested(beside(inputs.mu, inputs.log_std))],
      [noise, fromNested(inputs.eps)],
    ])
    const { drawn, logProb } = head.sample(p, noise)
    const action = head.action(drawn)
    const got = await evaluate({ action, logProb, again: head.logProb(p, drawn) }, feeds)
    expectClose(got['action'] ?? [], flat(outputs.action), 1e-5, 'action')
    expectClose(got['logProb'] ?? [], outputs.logp, 1e-5, 'log-probability')
    expectClose(got['again'] ?? [], outputs.logp, 1e-5, 'log-probability of the draw')
  })
})

test('a squashed density stays finite far out, integrates to 1 inside, and its entropy is -E[log pi]', async () => {
  const head = makeHead('squashedGaussian', { dimensions: 1, logStd: 'network' })
  const [p, drawn] = [rows('p', 2), rows('drawn', 1)]
  const nodes = Array.from({ length: 4001 }, (_, i) => (i - 2000) / 100)
  for (const [mean, logStd] of [
    [0, 0],
    [1.5, -1],
    [-0.5, 0.7],
  ] as const) {
    const feeds = new Map([
      [p, fromNested(nodes.map(() => [mean, logStd]))],
      [drawn, fromNested(nodes.map((u) => [u]))],
    ])
    const got = await evaluate({ logProb: head.logProb(p, drawn), entropy: head.entropy(p) }, feeds)
    expect(got['logProb']?.every(Number.isFinite)).toBe(true)
    // Over a = tanh(u): da = (1 - a²) du.
    const mass = nodes.map((u, i) => (Math.exp(got['logProb']?.[i] ?? 0) / Math.cosh(u) ** 2) * 0.01)
    expectClose([mass.reduce((a, b) => a + b, 0)], [1], 1e-4, 'mass')
    const entropy = -mass.reduce((sum, m, i) => sum + (m > 0 ? m * (got['logProb']?.[i] ?? 0) : 0), 0)
    expectClose([got['entropy']?.[0] ?? Number.NaN], [entropy], 1e-4, 'entropy')
  }
})

test('a masked action has probability 0 and no gradient, and the others share the rest', async () => {
  const head = makeHead('categorical', { actions: 3 })
  const logits = rows('logits', 3)
  const mask = t.input('mask', ['N', 3], 'uint8')
  const noise = rows('noise', 1)
  const params = (head.mask as NonNullable<Head['mask']>)(logits, mask)
  const taken = t.input('taken', ['N'], 'int32')
  const loss = t.reduceSum(t.add(head.logProb(params, taken), head.entropy(params)))
  const [g] = t.gradients(loss, [logits]) as [t.Tensor]
  const feeds = new Map<t.Tensor, t.HostTensor>([
    [logits, fromNested([1, 2, 3].map(() => [50, 1, 1]))],
    [mask, { dtype: 'uint8', shape: [3, 3], data: Uint8Array.of(0, 1, 1, 0, 1, 1, 0, 1, 1) }],
    [noise, fromNested([[0], [0.49], [1]])],
    [taken, t.int32([2, 2, 2])],
  ])
  const probability = t.softmax(params)
  const got = await evaluate({ probability, g, entropy: head.entropy(params), ...head.sample(params, noise) }, feeds)
  expect(got['probability']).toEqual([0, 0.5, 0.5, 0, 0.5, 0.5, 0, 0.5, 0.5])
  expectClose(
    got['entropy'] ?? [],
    [1, 1, 1].map(() => Math.LN2),
    1e-6,
  )
  for (const at of [0, 3, 6]) expect(Math.abs(got['g']?.[at] ?? 1)).toBe(0)
  expect(got['drawn']).toEqual([1, 1, 2])
})

test('a shared log standard deviation is a weight of the head, limited where told, and gets its gradient', async () => {
  const options = { dimensions: 2, logStd: 'shared', initialLogStd: -0.5, logStdRange: [-1, 1] } as const
  const head = makeHead('gaussian', options)
  expect([head.outputs, head.size]).toEqual([2, 4])
  const means = rows('means', 2)
  const weights = t.input('weights', [2])
  const uniform = t.seededUniform(1)
  const starts = t.initialWeights(head.parameters, uniform)
  expect([...starts]).toEqual([-0.5, -0.5])
  const params = head.params(means)
  const loss = t.reduceSum(head.entropy(params))
  const [g] = t.gradients(loss, head.parameters) as [t.Tensor]
  const bound = t.unflatten(weights, head.parameters)
  const { substitute } = await import('../../../learner/tensor/graph.ts')
  const [boundParams, boundG] = substitute([params, g], bound) as [t.Tensor, t.Tensor]
  const feeds = new Map([
    [
      means,
      fromNested([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    ],
    [weights, t.float32([-0.5, 7])],
  ])
  const got = await evaluate({ params: boundParams, g: boundG }, feeds)
  expect(got['params']).toEqual([1, 2, -0.5, 1, 3, 4, -0.5, 1, 5, 6, -0.5, 1])
  expect(got['g']).toEqual([3, 0])
})

test('a policy without chance is tanh of its numbers, and says what it has not', async () => {
  const head = makeHead('deterministic', { dimensions: 2 })
  const p = rows('p', 2)
  expect((await evaluate({ a: head.mode(p) }, new Map([[p, fromNested([[0, 1]])]])))['a']).toEqual([
    0,
    Math.fround(Math.tanh(1)),
  ])
  expect(() => head.entropy(p)).toThrow(/a policy without chance has no entropy/)
})

test('sizes that make no sense are refused', () => {
  expect(() => makeHead('categorical', { actions: 0 })).toThrow(/at least one action, got 0/)
  expect(() => makeHead('multiDiscrete', { choices: [] })).toThrow(/at least one choice/)
  expect(() => makeHead('gaussian', { dimensions: 1.5, logStd: 'shared' })).toThrow(/at least one dimension, got 1.5/)
  expect(() => makeHead('deterministic', { dimensions: 0 })).toThrow(/at least one dimension, got 0/)
})

test('recorded actions are undone inside (-1, 1) and stay finite at its ends', async () => {
  const a = rows('a', 1)
  const feeds = new Map([[a, fromNested([[0], [0.5], [-0.9], [1], [-1]])]])
  const got = (await evaluate({ u: unsquash(a) }, feeds))['u'] ?? []
  expectClose(got.slice(0, 3), [0, Math.atanh(0.5), Math.atanh(-0.9)], 1e-6)
  expect(got.every(Number.isFinite)).toBe(true)
})

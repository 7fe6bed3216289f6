import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CategoricalSampler } from '../../../shared/policy/categorical.ts'
import { Random } from '../../../shared/random.ts'

const logit = fc.float({ min: -50, max: 50, noNaN: true })
const rowsOf = (numActions: number) =>
  fc.array(fc.array(logit, { minLength: numActions, maxLength: numActions }), { minLength: 1, maxLength: 6 })
const anyRows = fc.integer({ min: 1, max: 7 }).chain((numActions) => rowsOf(numActions))

function logSoftmax(row: readonly number[]): number[] {
  const max = Math.max(...row)
  const sum = row.reduce((total, value) => total + Math.exp(value - max), 0)
  return row.map((value) => value - max - Math.log(sum))
}

function run(mode: 'sample' | 'greedy', rows: readonly (readonly number[])[], random = new Random(1)) {
  const actions = new Int32Array(rows.length)
  const logProbs = new Float32Array(rows.length)
  new CategoricalSampler(rows[0]!.length, random)[mode](Float32Array.from(rows.flat()), actions, logProbs)
  return { actions: [...actions], logProbs: [...logProbs] }
}

test.each(['sample', 'greedy'] as const)(
  '%s: log-probabilities are those of the float64 reference, to float32 precision',
  (mode) => {
    fc.assert(
      fc.property(anyRows, fc.integer({ min: 0, max: 2 ** 40 }), (rows, seed) => {
        const { actions, logProbs } = run(mode, rows, new Random(seed))
        rows.forEach((row, i) => {
          const expected = logSoftmax(row)[actions[i]!]!
          expect(Math.abs(logProbs[i]! - expected)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(expected) / 4))
          expect(logProbs[i]).toBeLessThanOrEqual(0)
        })
      }),
    )
  },
)

// 99.9% quantiles of chi-square with A - 1 degrees of freedom.
test.each([
  [[0.3, -0.9], 10.83],
  [[-2, 1.5], 10.83],
  [[0, 0], 10.83],
  [[0, 1, -1, 0.5], 16.27],
  [[3, 3, 0, 1, -2, 2], 20.52],
])('actions come as often as softmax(%j) says (chi-square)', (row, quantile) => {
  const draws = 40_000
  const { actions } = run(
    'sample',
    Array.from({ length: draws }, () => row),
    new Random(7),
  )
  const counts = row.map((_, a) => actions.filter((action) => action === a).length)
  const chiSquare = logSoftmax(row).reduce((sum, logP, a) => {
    const expected = Math.exp(logP) * draws
    return sum + (counts[a]! - expected) ** 2 / expected
  }, 0)
  expect(chiSquare).toBeLessThan(quantile)
})

test('two actions are drawn as the general way draws them: a mask makes three of two', () => {
  fc.assert(
    fc.property(rowsOf(2), (rows) => {
      const masked = run(
        'greedy',
        rows.map((row) => [...row, -Infinity]),
      )
      const pairs = run('greedy', rows)
      expect(pairs.actions).toEqual(masked.actions)
      const frequencies = [rows, rows.map((row) => [...row, -Infinity])].map((some) => {
        const random = new Random(3)
        return Array.from({ length: 200 }, () => run('sample', some, random).actions[0]!).reduce((a, b) => a + b)
      })
      // Different draws of one probability p: 200 of each differ by less than 5 standard deviations.
      expect(Math.abs(frequencies[0]! - frequencies[1]!)).toBeLessThan(5 * Math.sqrt(2 * 200 * 0.25))
    }),
    { numRuns: 20 },
  )
})

test('greedy takes the largest logit, the first of equals', () => {
  expect(
    run('greedy', [
      [1, 3, 2],
      [2, 2, 1],
      [0, 0, 0],
      [-5, -Infinity, -4],
    ]).actions,
  ).toEqual([1, 0, 0, 2])
})

test('extreme logits: a certain action has log-probability 0, a masked one is never drawn, and nothing overflows', () => {
  for (let seed = 0; seed < 200; seed++) {
    expect(
      run(
        'sample',
        [
          [3e38, -3e38],
          [-3e38, 3e38],
          [-Infinity, 0],
          [5, -Infinity],
        ],
        new Random(seed),
      ),
    ).toEqual({ actions: [0, 1, 1, 0], logProbs: [0, 0, 0, 0] })
    const { actions } = run('sample', [[-Infinity, 1, -Infinity, 1]], new Random(seed))
    expect([1, 3]).toContain(actions[0])
    expect(run('sample', [[-3e38, 3e38, -3e38]], new Random(seed))).toEqual({ actions: [1], logProbs: [0] })
  }
})

test.each([
  [[NaN, 0]],
  [[0, NaN]],
  [[Infinity, 0]],
  [[0, Infinity]],
  [[-Infinity, -Infinity]],
  [[0, NaN, 1]],
  [[NaN, 0, 1]],
  [[Infinity, 0, 1]],
  [[-Infinity, -Infinity, -Infinity]],
])('logits %j are not a distribution: an error that names the row', (row) => {
  const fine = row.map(() => 0)
  for (const mode of ['sample', 'greedy'] as const) {
    expect(() => run(mode, [fine, row])).toThrow(expect.objectContaining({ code: 'E_POLICY_MODEL', where: { row: 1 } }))
  }
})

test('every row draws one number, whatever its logits: later rows do not depend on earlier ones', () => {
  for (const numActions of [2, 3]) {
    const later = Array.from({ length: 20 }, () => Array.from({ length: numActions }, () => 0))
    const first = (value: number) => Array.from({ length: numActions }, (_, a) => (a === 0 ? value : 0))
    expect(run('sample', [first(30), ...later]).actions.slice(1)).toEqual(
      run('sample', [first(-30), ...later]).actions.slice(1),
    )
  }
})

test('buffers that do not fit each other are refused', () => {
  const sampler = new CategoricalSampler(3, new Random(1))
  expect(() => sampler.sample(new Float32Array(6), new Int32Array(2), new Float32Array(3))).toThrow(
    expect.objectContaining({ code: 'E_POLICY_MODEL' }),
  )
})

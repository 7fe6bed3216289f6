import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  initialWeights,
  layoutOf,
  orthogonal,
  parameter,
  seededUniform,
  uniformFanIn,
  constantInit,
  zerosInit,
  viewsOf,
} from '../../../learner/tensor/index.ts'

test('orthogonal rows or columns, whichever are fewer, have length `gain` and right angles', () => {
  const side = fc.integer({ min: 1, max: 12 })
  fc.assert(
    fc.property(side, side, fc.integer(), (rows, columns, seed) => {
      const w = orthogonal(1.5)([rows, columns], seededUniform(seed))
      const vectors = Math.min(rows, columns)
      const length = Math.max(rows, columns)
      const at = (v: number, i: number) => Number(rows <= columns ? w[v * columns + i] : w[i * columns + v])
      for (let a = 0; a < vectors; a++) {
        for (let b = 0; b <= a; b++) {
          let dot = 0
          for (let i = 0; i < length; i++) dot += at(a, i) * at(b, i)
          expect(dot).toBeCloseTo(a === b ? 2.25 : 0, 5)
        }
      }
    }),
    { numRuns: 50 },
  )
})

test('uniform fan-in stays inside its bound and fills it; constants are constant', () => {
  const w = uniformFanIn(2)([16, 200], seededUniform(1))
  const bound = 2 / Math.sqrt(16)
  expect(Math.max(...w)).toBeLessThanOrEqual(bound)
  expect(Math.min(...w)).toBeGreaterThanOrEqual(-bound)
  expect(Math.max(...w)).toBeGreaterThan(0.99 * bound)
  expect([...constantInit(3)([2], seededUniform(1))]).toEqual([3, 3])
})

test('the same seed gives the same weights, another gives others, and each lies at its place', () => {
  const parameters = [
    parameter('a', [3, 2], orthogonal()),
    parameter('b', [2], zerosInit),
    parameter('c', [2, 2], uniformFanIn()),
  ]
  const first = initialWeights(parameters, seededUniform(1))
  expect(initialWeights(parameters, seededUniform(1))).toEqual(first)
  expect(initialWeights(parameters, seededUniform(2))).not.toEqual(first)
  const views = viewsOf(first, layoutOf(parameters))
  expect([...(views['b']?.data ?? [])]).toEqual([0, 0])
  expect(views['c']?.shape).toEqual([2, 2])
  expect(views['c']?.data).toEqual(first.subarray(8))
})

test('the stream of a seed does not change: weights of a recorded run can be drawn again', () => {
  const uniform = seededUniform(42)
  expect([uniform(), uniform(), uniform()]).toEqual([0.6011037519201636, 0.44829055899754167, 0.8524657934904099])
})

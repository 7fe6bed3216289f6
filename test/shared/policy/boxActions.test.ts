import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contains, type BoxSpace } from '../../../shared/env/space.ts'
import { BoxActions, makeSampler } from '../../../shared/policy/index.ts'
import { Random } from '../../../shared/random.ts'

const number = fc.float({ min: -1000, max: 1000, noNaN: true })
const box = fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 4 }).map((bounds): BoxSpace => ({
  kind: 'box',
  shape: [bounds.length],
  low: bounds.map(([a, b]) => Math.min(a, b)),
  high: bounds.map(([a, b]) => Math.max(a, b)),
}))

test('every rule gives an element of the box, whatever was drawn', () => {
  fc.assert(
    fc.property(box, fc.constantFrom('clip', 'scale', 'squash' as const), fc.integer(), (space, rule, seed) => {
      const random = new Random(Math.abs(seed))
      const drawn = Float32Array.from({ length: space.shape[0]! }, () => 20 * random.normal())
      const actions = new Float32Array(drawn.length)
      new BoxActions(space, rule).write(drawn, actions)
      expect(contains(space, actions)).toBe(true)
    }),
  )
})

test('scale and squash map the ends onto the bounds and the middle onto the middle; clip leaves what is inside', () => {
  const space: BoxSpace = { kind: 'box', shape: [3], low: [-2, 0, 1], high: [2, 1, 3] }
  const written = (rule: 'clip' | 'scale' | 'squash', drawn: number[]) => {
    const actions = Float32Array.from(drawn)
    new BoxActions(space, rule).write(actions, actions)
    return [...actions]
  }
  expect(written('scale', [-1, 0, 1])).toEqual([-2, 0.5, 3])
  expect(written('squash', [-50, 0, 50])).toEqual([-2, 0.5, 3])
  expect(written('clip', [-1.5, 7, -7])).toEqual([-1.5, 1, 1])
})

test('an infinite box can be clipped to but not filled, and buffers must hold whole actions', () => {
  const space: BoxSpace = { kind: 'box', shape: [2], low: -Infinity, high: Infinity }
  const drawn = Float32Array.of(3, -4)
  new BoxActions(space, 'clip').write(drawn, drawn)
  expect([...drawn]).toEqual([3, -4])
  expect(() => new BoxActions(space, 'squash')).toThrow(/infinite bound/)
  expect(() => new BoxActions(space, 'clip').write(new Float32Array(3), new Float32Array(3))).toThrow(/3 draws/)
})

test('a policy without chance explores by noise inside [-1, 1] and has log-probability 0', () => {
  const sampler = makeSampler('deterministic', { dimensions: 2, noise: 0.5 }, new Random(3))
  const params = new Float32Array(2000)
  const drawn = new Float32Array(2000)
  const logProbs = new Float32Array(1000).fill(7)
  sampler.sample(params, drawn, logProbs)
  expect(logProbs.every((x) => x === 0)).toBe(true)
  expect(Math.max(...drawn)).toBeLessThanOrEqual(1)
  const spread = Math.sqrt(drawn.reduce((sum, x) => sum + x * x, 0) / drawn.length)
  expect(spread).toBeGreaterThan(0.4) // 0.5, less what ±1 cuts off
  expect(spread).toBeLessThan(0.5)
  sampler.greedy(params, drawn, logProbs)
  expect(drawn.every((x) => x === 0)).toBe(true)
})

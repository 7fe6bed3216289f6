import { expect, test } from 'vitest'
import { CartPole, Random } from '../../../shared/env/index.ts'

test('an episode starts uniform in [-0.05, 0.05) in every element', () => {
  const random = new Random(1)
  const env = new CartPole()
  const observation = new Float32Array(4)
  const draws: number[][] = [[], [], [], []]
  for (let i = 0; i < 4000; i++) {
    env.reset(observation, random)
    observation.forEach((value, j) => draws[j]!.push(value))
  }
  for (const values of draws) {
    const mean = values.reduce((a, b) => a + b) / values.length
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(0.05))
    expect(Math.abs(mean)).toBeLessThan((4 * 0.1) / Math.sqrt(12 * values.length))
    expect(variance).toBeCloseTo(0.01 / 12, 4)
  }
})

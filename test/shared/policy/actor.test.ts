import { expect, test } from 'vitest'
import { makeActor } from '../../../shared/policy/index.ts'
import { Random } from '../../../shared/random.ts'

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI)

test('of a box: draws are kept as they fell with their density, and envs are given them limited to the box', () => {
  const actor = makeActor(
    { action: { kind: 'box', shape: [2], low: -0.5, high: [0.5, Infinity] }, distribution: 'gaussian' },
    200,
    new Random(1),
  )
  const outputs = Float32Array.from({ length: 800 }, (_, i) => [0, 3, 0, -1][i % 4]!) // means 0 and 3, log deviations 0 and -1
  const logProbs = new Float32Array(200)
  actor.act(outputs, logProbs, false)
  const [drawn, actions] = [actor.drawn as Float32Array, actor.actions as Float32Array]
  let limited = 0
  for (let row = 0; row < 200; row++) {
    const [a, b] = [drawn[2 * row]!, drawn[2 * row + 1]!]
    expect(actions[2 * row]).toBe(Math.max(-0.5, Math.min(0.5, a)))
    expect(actions[2 * row + 1]).toBe(Math.max(-0.5, b))
    expect(logProbs[row]).toBeCloseTo(-0.5 * (a ** 2 + ((b - 3) * Math.E) ** 2) + 1 - 2 * HALF_LOG_TWO_PI, 4)
    if (actions[2 * row] !== a) limited++
  }
  expect(limited).toBeGreaterThan(50)
  actor.act(outputs, logProbs, true)
  expect([...drawn.subarray(0, 2)]).toEqual([0, 3])
})

test('of discrete actions: what is drawn is what envs are given, the same draws from the same stream', () => {
  const [a, b] = [1, 1].map((seed) =>
    makeActor({ action: { kind: 'discrete', n: 3 }, distribution: 'categorical' }, 50, new Random(seed)),
  )
  const outputs = Float32Array.from({ length: 150 }, (_, i) => Math.sin(i))
  const logProbs = new Float32Array(50)
  for (const actor of [a!, b!]) actor.act(outputs, logProbs, false)
  expect(a!.actions).toBe(a!.drawn)
  expect(a!.drawn).toEqual(b!.drawn)
  expect(new Set(a!.drawn)).toEqual(new Set([0, 1, 2]))
  a!.act(outputs, logProbs, true)
  expect([...a!.drawn.subarray(0, 2)]).toEqual([2, 0]) // of 0, 0.84, 0.91 and of 0.14, -0.76, -0.96
})

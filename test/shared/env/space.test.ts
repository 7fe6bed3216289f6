import { expect, test } from 'vitest'
import { contains, describeSpace, spaceSize } from '../../../shared/env/index.ts'
import type { Space } from '../../../shared/env/index.ts'

const box: Space = { kind: 'box', shape: [2, 3], low: -1, high: [0.1, 1, 1, 1, 1, Infinity] }

test('sizes: a box takes the product of its shape, a scalar box and an index take one', () => {
  expect(
    [box, { kind: 'box', shape: [], low: 0, high: 1 } as const, { kind: 'discrete', n: 9 } as const].map(spaceSize),
  ).toEqual([6, 1, 1])
})

test('a space holds its bounds, as float32 values, and nothing outside them', () => {
  expect(contains(box, Float32Array.of(0.1, -1, 1, 0, 0, 1e30))).toBe(true)
  expect(contains(box, [0.11, 0, 0, 0, 0, 0])).toBe(false)
  expect(contains(box, [NaN, 0, 0, 0, 0, 0])).toBe(false)
  expect(contains(box, [0, 0, 0])).toBe(false)
  expect(contains(box, 0)).toBe(false)
  expect([-1, 0, 2, 3, 1.5, NaN].map((value) => contains({ kind: 'discrete', n: 3 }, value))).toEqual([
    false,
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a space of bytes holds whole numbers only', () => {
  const bytes: Space = { kind: 'box', shape: [2], low: 0, high: 255, dtype: 'uint8' }
  expect(
    [
      [0, 255],
      [0, 0.5],
      [0, 256],
    ].map((value) => contains(bytes, value)),
  ).toEqual([true, false, false])
})

test('spaces are told in a few words', () => {
  expect(describeSpace(box)).toBe('Box([2, 3], -1..Infinity)')
  expect(describeSpace({ kind: 'discrete', n: 4 })).toBe('Discrete(4)')
  expect(describeSpace({ kind: 'box', shape: [10, 10, 4], low: 0, high: 1, dtype: 'uint8' })).toBe(
    'Box([10, 10, 4], 0..1, uint8)',
  )
})

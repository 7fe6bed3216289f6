import { expect, test } from 'vitest'
import { columnOf } from '../../../shared/batch/columns.ts'
import { rangeOf, short } from '../../../shared/batch/range.ts'
import { validateFragment } from '../../../shared/batch/index.ts'
import { formOf, sampleFragment, withColumns } from './arbitrary.ts'

test('numbers of a sentence have three digits at most', () => {
  expect([0, 1, -0.5, 12.3456, 999_999, -1e6, 1e20, 1.5e-7, Infinity].map(short)).toEqual([
    '0',
    '1',
    '-0.5',
    '12.3',
    '1000000',
    '-1e6',
    '1e20',
    '1.5e-7',
    'Infinity',
  ])
})

test('a range is that of the numbers, NaN where one of them is', () => {
  expect(rangeOf(new Float32Array([3, -2, 5]))).toEqual({ min: -2, max: 5 })
  expect(rangeOf([1, NaN])).toEqual({ min: NaN, max: NaN })
})

test('a return that no float32 holds is rejected with the range of the rewards that it is the sum of', () => {
  const size = { T: 4, B: 3, D: 2 }
  const fragment = sampleFragment(size, 1)
  const episodes = fragment.columns['episode_returns']!.data.length
  expect(episodes).toBeGreaterThan(0)
  const big = withColumns(fragment, {
    rewards: columnOf(new Float32Array(12).fill(-1e38), [4, 3]),
    episode_returns: columnOf(new Float32Array(episodes).fill(-Infinity), [episodes]),
  })
  expect(() => validateFragment(big, formOf(size))).toThrow(
    /^episode_returns\[0\] is -Infinity: rewards run from -1e38 to -1e38, and an episode's sum of them must fit a float32 \(3\.4e38\) \(shard/,
  )
})

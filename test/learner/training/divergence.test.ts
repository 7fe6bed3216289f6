import { expect, test } from 'vitest'
import { report } from '../../../cli/report.ts'
import { withRewards } from '../../../learner/training/divergence.ts'
import { columnOf } from '../../../shared/batch/columns.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { sampleFragment, withColumns } from '../../shared/batch/arbitrary.ts'

const rewarding = (reward: number) =>
  withColumns(sampleFragment({ T: 4, B: 3, D: 2 }, 1), { rewards: columnOf(new Float32Array(12).fill(reward), [4, 3]) })
const diverged = new MillraceError('E_TRAIN_DIVERGED', 'loss is NaN after an update', { metric: 'loss' })

test('large rewards are named as what makes an update diverge, with the rewardScale that helps', () => {
  const error = withRewards(diverged, [rewarding(3), rewarding(-1e20)], 1)
  expect(error).toMatchObject({
    code: 'E_TRAIN_DIVERGED',
    message: 'loss is NaN after an update; the rewards of its batch run from -1e20 to 3',
    where: { metric: 'loss', largestReward: '1e20' },
  })
  expect(report(error).text).toContain("set the algorithm's rewardScale (rewardScale: 1e-20 makes them about 1)")
})

test('of small rewards, or large ones that are scaled, the learning rate is to blame', () => {
  for (const error of [withRewards(diverged, [rewarding(1)], 1), withRewards(diverged, [rewarding(1e6)], 1e-6)])
    expect(report(error).text).toContain('try a smaller learning rate')
  expect(withRewards(diverged, [rewarding(1e6)], 1e-6)).toMatchObject({
    message: expect.stringContaining('run from 1e6 to 1e6, before they are multiplied by rewardScale 1e-6'),
  })
})

test('any other error stays as it is', () => {
  const other = new MillraceError('E_ENGINE', 'gone')
  expect(withRewards(other, [rewarding(1)], 1)).toBe(other)
})

import { columnNamed } from '../../shared/batch/index.ts'
import { rangeOf, short } from '../../shared/batch/range.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'

/** E_TRAIN_DIVERGED with the rewards of the update's batch, which are the reason as often as the learning rate; any other error as it is. */
export function withRewards(error: unknown, fragments: readonly SampleBatch[], rewardScale: number): unknown {
  if (!isMillraceError(error, 'E_TRAIN_DIVERGED')) return error
  if (fragments.some(({ columns }) => !Object.hasOwn(columns, 'rewards'))) return error
  const ranges = fragments.map((fragment) => rangeOf(columnNamed(fragment, 'rewards').data))
  const min = Math.min(...ranges.map((range) => range.min))
  const max = Math.max(...ranges.map((range) => range.max))
  const scaled = rewardScale === 1 ? '' : `, before they are multiplied by rewardScale ${short(rewardScale)}`
  const message = `${error.message}; the rewards of its batch run from ${short(min)} to ${short(max)}${scaled}`
  const largestReward = short(Math.max(Math.abs(min), Math.abs(max)) * rewardScale)
  return new MillraceError(error.code, message, { ...error.where, largestReward }, { cause: error })
}

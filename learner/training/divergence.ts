import { columnNamed } from '../../shared/batch/index.ts'
import { rangeOf, short } from '../../shared/batch/range.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'

export interface DivergedUpdate {
  /** Its number, from 1. */
  readonly update: number
  readonly fragments: readonly SampleBatch[]
  readonly rewardScale: number
  /** Puts the batch where a user finds it. @returns where that is; undefined where nothing is kept */
  readonly keep: (
    fragments: readonly SampleBatch[],
    update: number,
    where: MillraceError['where'],
  ) => Promise<string | undefined>
}

/**
 * E_TRAIN_DIVERGED with the number of the update, the rewards of its batch, which are the reason as often as the learning rate, and where
 * that batch is kept; any other error as it is.
 */
export async function diverged(
  error: unknown,
  { update, fragments, rewardScale, keep }: DivergedUpdate,
): Promise<unknown> {
  if (!isMillraceError(error, 'E_TRAIN_DIVERGED')) return error
  const rewards = rewardsOf(fragments, rewardScale)
  const where = { ...error.where, update }
  const kept = await keep(fragments, update, where).then(
    (place) => place && `; the batch of update ${update} is kept in ${place}`,
    (cause: unknown) => `; the batch of update ${update} could not be kept: ${String(cause)}`,
  )
  return new MillraceError(
    error.code,
    error.message + (rewards?.said ?? '') + (kept ?? ''),
    { ...where, ...(rewards && { largestReward: rewards.largest }) },
    { cause: error },
  )
}

function rewardsOf(fragments: readonly SampleBatch[], rewardScale: number) {
  if (fragments.some(({ columns }) => !Object.hasOwn(columns, 'rewards'))) return undefined
  const ranges = fragments.map((fragment) => rangeOf(columnNamed(fragment, 'rewards').data))
  const min = Math.min(...ranges.map((range) => range.min))
  const max = Math.max(...ranges.map((range) => range.max))
  const scaled = rewardScale === 1 ? '' : `, before they are multiplied by rewardScale ${short(rewardScale)}`
  const said = `; the rewards of its batch run from ${short(min)} to ${short(max)}${scaled}`
  return { said, largest: short(Math.max(Math.abs(min), Math.abs(max)) * rewardScale) }
}

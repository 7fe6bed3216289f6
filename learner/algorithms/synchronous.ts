import { MillraceError } from '../../shared/errors.ts'
import type { PlanSetting, ProgramSizes } from '../algorithm.ts'
import type { PacingSetting } from '../rollouts/pacing.ts'

// An update takes whole rounds: the same number of fragments from every shard, all stepped with the newest policy.

/** Fragments of each shard that an update takes, so that it has at least `steps` env steps. */
const roundsFor = (steps: number, { shards, fragmentSteps }: PlanSetting): number =>
  Math.ceil(steps / (shards * fragmentSteps))

/** Fragments of one update. */
export const fragmentsOfRounds = (steps: number, setting: PlanSetting): number =>
  roundsFor(steps, setting) * setting.shards

/** No function steps before it has the policy of the last update: policy lag is 0, and a run repeats bit for bit. */
export const synchronousPacing = (steps: number, setting: PlanSetting): PacingSetting => ({
  mode: 'exact',
  perVersion: roundsFor(steps, setting),
  lead: 0,
  publishEvery: 1,
})

/** Rows of a minibatch. @throws MillraceError E_EXPERIMENT where they do not divide the batch */
export function minibatchRows(
  algorithm: string,
  { minibatchSteps }: { readonly minibatchSteps: number },
  { T, B }: ProgramSizes,
): number {
  if ((T * B) % minibatchSteps === 0) return minibatchSteps
  throw new MillraceError(
    'E_EXPERIMENT',
    `${algorithm}.minibatchSteps: ${minibatchSteps} does not divide the ${T * B} env steps of an update, which takes whole rounds of all shards`,
  )
}

import type { Pacing } from '../../../shared/protocol/lease.ts'
import type { RolloutSettings } from '../../experiment.ts'

/** Of the running episodes at a lease's end, which are cut, there are one in ten at most where episodes are as long as they may be. */
const EPISODES = 10
/** Steps of each env in a lease: enough that starting functions costs little, few enough that an env of a millisecond a step has done them in time. */
const STEPS = { least: 2_000, most: 10_000 }
/** A lease that is lost is stepped again with the policies since its beginning, which are kept for that. */
const MOST_VERSIONS = 2_000

/**
 * How many fragments a lease has in a deterministic run whose env cannot be saved. Its envs start anew with every lease, so where leases end must
 * not depend on the clock: it follows from the settings alone.
 *
 * @param maxEpisodeSteps of the env, where it has such a limit
 */
export function leaseFragments(
  { leaseFragments: told, fragmentLength }: Pick<RolloutSettings, 'leaseFragments' | 'fragmentLength'>,
  { perVersion }: Pick<Pacing, 'perVersion'>,
  maxEpisodeSteps = 0,
): number {
  if (told !== undefined) return told
  const steps = Math.min(Math.max(EPISODES * maxEpisodeSteps, STEPS.least), STEPS.most)
  return Math.max(1, Math.min(Math.ceil(steps / fragmentLength), Math.floor(perVersion * MOST_VERSIONS)))
}

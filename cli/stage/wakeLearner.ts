import type { LearnerClaim } from '../../learner/stage/records.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { livingLearner } from './runRecords.ts'
import { type Stage, typed } from './stage.ts'

/**
 * A machine has so long to come up before the dead-man takes it away again. Counted from the request: spot capacity, boot and image
 * take minutes, and one whose learner never starts must not run on for days.
 */
const START_ALLOWANCE_MS = 30 * 60_000

/**
 * Sees to it that a learner comes: asks for one where none lives, with the dead-man armed before the machine costs anything.
 *
 * @returns what was done or is to be done, as a sentence
 * @throws MillraceError E_PERMISSION, E_AWS
 */
export async function wakeLearner({ description, store, group, deadMan }: Stage, now: number): Promise<string> {
  const living = await livingLearner(store, now)
  if (living) return livingSentence(living)
  if (description.learner.kind === 'anywhere') return `start a learner: ${typed.learner(description)}`
  await deadMan.arm(now + START_ALLOWANCE_MS)
  await group.set(1)
  return asked(description)
}

export const livingSentence = ({ host, run }: LearnerClaim): string =>
  run === undefined ? `a learner is up on ${host}` : `the learner on ${host} is working on ${run}; this run is next`

function asked({ learner }: StageDescription): string {
  if (learner.kind !== 'gpu') return 'asked for a learner: its container takes a minute or two to start'
  const types = learner.instanceTypes
  return `asked for a learner: a GPU machine (${types.join(' or ')}) takes some minutes to start`
}

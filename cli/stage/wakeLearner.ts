import type { LearnerClaim } from '../../learner/stage/records.ts'
import { EMULATED_INSTANCE, type StageDescription } from '../../shared/protocol/stage.ts'
import { livingLearner } from './runRecords.ts'
import { requestedRuns } from './runs.ts'
import { type Stage, typed } from './stage.ts'

/**
 * How long a machine may take to start before the dead-man ends it, counted from the request. Spot capacity, boot and image
 * take minutes. A machine whose learner never starts must not run for days.
 */
const START_ALLOWANCE_MS = 30 * 60_000

/** Arms the dead-man for as long as a learner may take to come up; one that is up pushes it on from there. */
export const armForStart = async ({ deadMan }: Stage, now: number): Promise<void> =>
  await deadMan.arm(now + START_ALLOWANCE_MS)

/** The same, unless no learner is asked for or up and no run waits: then there is nothing that it could end. */
export async function armIfAlive(stage: Stage, now: number): Promise<void> {
  const { group, store } = stage
  const [{ desired }, requested, living] = await Promise.all([
    group.size(),
    requestedRuns(store),
    livingLearner(store, now),
  ])
  if (desired > 0 || requested.length > 0 || living) await armForStart(stage, now)
}

/**
 * Starts a learner unless one is up. The dead-man is armed before the machine costs anything.
 *
 * @returns what was done or is to be done, as a sentence
 * @throws MillraceError E_PERMISSION, E_AWS
 */
export async function wakeLearner(stage: Stage, now: number): Promise<string> {
  const { description, store, group } = stage
  const living = await livingLearner(store, now)
  if (living) return livingSentence(living)
  if (description.learner.kind === 'anywhere') return `start a learner: ${typed.learner(description)}`
  await armForStart(stage, now)
  await group.set(1)
  return asked(description)
}

export const livingSentence = ({ host, run }: LearnerClaim): string =>
  run === undefined ? `a learner is up on ${host}` : `the learner on ${host} is working on ${run}; this run is next`

function asked({ learner }: StageDescription): string {
  if (learner.kind !== 'gpu') return 'asked for a learner: its container takes a minute or two to start'
  const types = learner.instanceTypes
  if (types.includes(EMULATED_INSTANCE)) return 'asked for a learner: a process on this machine, up in a moment'
  return `asked for a learner: a GPU machine (${types.join(' or ')}) takes some minutes to start`
}

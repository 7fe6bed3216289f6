import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { type Lease, MAX_EARLIER_POLICIES, type Pacing } from '../../shared/protocol/lease.ts'
import { decodeEnvState, encodeEnvState } from '../../shared/rollout/envState.ts'
import { exactVersion } from '../../shared/rollout/pace.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type ExactState, codeHash } from './exactState.ts'
import type { Experiment } from '../experiment.ts'
import { planOf } from '../planOf.ts'
import type { Publisher } from '../publish/publisher.ts'
import { putWhole } from '../publish/putWhole.ts'
import type { StatePoint } from '../rollouts/exact/savedStates.ts'
import type { Sampler } from '../rollouts/sampler.ts'
import type { Learner } from '../training/learner.ts'

/** What a checkpoint keeps of policies at most: without a bound, one of a large network whose envs are seldom saved would fill the disk. */
const MOST_POLICIES = { bytes: 256 * 1024 * 1024, versions: MAX_EARLIER_POLICIES }

/** How a run goes on exactly where a checkpoint of it was made. */
export interface ExactResume {
  readonly state: ExactState
  /** Fragments behind it, in the order (sequence, shard). */
  readonly from: number
  /** By shard: the sequence number after the last of them. */
  readonly consumed: readonly number[]
}

/** By shard: the sequence number after the last of so many fragments in the order (sequence, shard). */
export const consumedOf = (fragments: number, shards: number): number[] =>
  Array.from({ length: shards }, (_, shard) => Math.max(0, Math.ceil((fragments - shard) / shards)))

/** Every update takes the same number of fragments, so that how far a run is follows from its updates. */
function fragmentsAt(experiment: Experiment, updates: number, baseVersion: number): number {
  return (updates - baseVersion) * experiment.algorithm.fragmentsPerUpdate(planOf(experiment).setting)
}

/** Does this experiment promise to repeat bit for bit? */
export const isExact = (experiment: Experiment): boolean =>
  experiment.algorithm.pacing(planOf(experiment).setting).mode === 'exact'

/** @returns why it cannot, for a user, where the checkpoint or the experiment as it is now does not allow it */
export function exactResume(
  experiment: Experiment,
  checkpoint: Checkpoint,
  envCode: Parameters<typeof codeHash>[0],
): ExactResume | string {
  const state = checkpoint.exact
  const { shards } = experiment.rollouts
  if (!state)
    return 'it went on from a checkpoint that does not hold where its envs stood and the policies that it was at'
  if (state.shards !== shards)
    return `it went on with rollouts.shards ${shards}, and its checkpoint is of ${state.shards}: every shard steps envs of its own`
  if (state.code !== codeHash(envCode)) return "it went on after its env's code was changed"
  const from = fragmentsAt(experiment, checkpoint.state.clocks.updates, state.baseVersion)
  return { state, from, consumed: consumedOf(from, shards) }
}

/** Puts the saved states where the functions of this attempt find them. @returns by shard where they are */
export async function rehome(
  { state }: ExactResume,
  to: { readonly run: string; readonly env: Lease['env']; readonly numEnvs: number; readonly store: ObjectStore },
): Promise<StatePoint[]> {
  const { run, env, numEnvs, store } = to
  return await Promise.all(
    state.sequences.map(async (sequence, shard) => {
      const bytes = state.states[shard]
      if (!bytes) return { sequence }
      const owner = { shard, seed: state.seed, env, numEnvs, lease: 'resumed' }
      const saved = decodeEnvState(bytes, { ...owner, run: state.run, firstSequence: sequence })
      const body = encodeEnvState(saved, { ...owner, run }, sequence)
      const key = keys.savePoint(run, shard, owner.lease, sequence)
      return { sequence, state: { key, sha256: await putWhole(store, key, body) } }
    }),
  )
}

export interface ExactSaving {
  readonly experiment: Experiment
  readonly run: string
  readonly seed: number
  readonly code: string | undefined
  readonly pacing: Pacing
  readonly anewEvery: number | undefined
  readonly sampler: Sampler
  readonly learner: Learner
  readonly publisher: Publisher
}

/**
 * What a checkpoint at this update needs for the run to go on exactly. What it is of is settled before the first wait. Its policies are those
 * made since the oldest of the states that it is of: two seconds' worth as a rule, and `MOST_POLICIES` at most.
 *
 * @returns undefined where there is no such thing: the run was to repeat and could not, a saved state is not there, or it would be too large
 */
export async function saveExact(saving: ExactSaving, updates: number): Promise<ExactState | undefined> {
  const { experiment, run, seed, code, pacing, anewEvery, sampler, learner, publisher } = saving
  const { baseVersion = 0, publishEvery = 1 } = pacing
  const { shards } = experiment.rollouts
  const places = sampler.statesAt(consumedOf(fragmentsAt(experiment, updates, baseVersion), shards))
  if (!places) return undefined
  try {
    const first = exactVersion(pacing, Math.min(...places.points.map(({ sequence }) => sequence)))
    const isPublished = (updates - baseVersion) % publishEvery === 0
    const [policies, newest, states] = await Promise.all([
      publisher.models(first, isPublished ? updates - 1 : updates),
      isPublished ? learner.policy() : undefined,
      places.read(),
    ])
    const bytes = policies.reduce((sum, { model }) => sum + model.byteLength, newest?.byteLength ?? 0)
    const isTooMuch = bytes > MOST_POLICIES.bytes || policies.length >= MOST_POLICIES.versions
    if (!states || isTooMuch) return undefined
    return {
      seed,
      baseVersion,
      shards,
      ...(code !== undefined && { code }),
      ...(anewEvery !== undefined && { anewEvery }),
      run,
      sequences: places.points.map(({ sequence }) => sequence),
      states,
      policies: newest ? [...policies, { version: updates, model: newest }] : policies,
    }
  } finally {
    places.release()
  }
}

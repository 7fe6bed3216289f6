import { sha256Hex } from '../batch/hash.ts'
import type { ObjectStore } from '../cloud/ports.ts'
import { keys } from '../protocol/keys.ts'
import type { Lease, LeaseReport } from '../protocol/lease.ts'
import type { Collector } from './collector.ts'
import { decodeEnvState, encodeEnvState } from './envState.ts'

/** A state larger than this would take longer to write than there is time at the end of a lease. */
const MAX_STATE_BYTES = 64 << 20
const MAX_SENTENCE = 1_000

/** What a lease leaves to the next one of its shard, as its report says it. */
export type Left = Pick<LeaseReport, 'envState' | 'episodesCut' | 'envStateProblem'>

/** A place in a shard's stream at which its envs were saved. */
export interface SavePoint {
  /** Of the fragment that comes next. */
  readonly sequence: number
  readonly sha256: string
}

/** The name of the note by which a fragment tells of the newest save point before it. */
export const SAVE_POINT_NOTE = 'save_point'

export const savePointNote = ({ sequence, sha256 }: SavePoint): string => `${sequence} ${sha256}`

/** @returns undefined for a note that is none */
export function parseSavePoint(note: string | undefined): SavePoint | undefined {
  const [, sequence, sha256] = /^(\d{1,15}) ([0-9a-f]{64})$/.exec(note ?? '') ?? []
  return sha256 === undefined ? undefined : { sequence: Number(sequence), sha256 }
}

/**
 * Lets a collector go on from the state that a lease names.
 *
 * @returns why it could not; the collector may be half-way then, and has to be made anew
 */
export async function takeUp(
  collector: Collector,
  lease: Lease & { readonly envState: NonNullable<Lease['envState']> },
  store: ObjectStore,
): Promise<string | undefined> {
  try {
    const { key, sha256 } = lease.envState
    const found = await store.get(key)
    if (found.kind !== 'found') throw new Error('it is not in the bucket')
    if (sha256Hex(found.body) !== sha256) throw new Error('it was altered')
    collector.load(decodeEnvState(found.body, lease))
    return undefined
  } catch (error) {
    const anew = lease.pacing.mode === 'exact' ? 'the envs' : 'the envs start anew, because they'
    return sentence(`${anew} cannot go on from where the last lease left them`, error)
  }
}

/**
 * Stores where a collector stands, for the lease whose first fragment is `nextSequence`.
 *
 * @returns the stored state; or how many episodes end here because there is none, and why where the env has save and load
 */
export async function leaveState(
  collector: Collector,
  lease: Lease,
  { store, nextSequence }: { readonly store: ObjectStore; readonly nextSequence: number },
): Promise<Left> {
  try {
    const body = savedState(collector, lease, nextSequence)
    if (!body) return { episodesCut: collector.runningEpisodes }
    const key = keys.envState(lease.run, lease.shard, lease.lease)
    await store.put(key, body)
    return { envState: { key, sha256: sha256Hex(body) } }
  } catch (error) {
    const envStateProblem = sentence('the envs could not be saved for the next lease', error)
    return { episodesCut: collector.runningEpisodes, envStateProblem }
  }
}

/**
 * Where a collector stands before the fragment `nextSequence`, as bytes; undefined where its env cannot be saved.
 *
 * @throws what the env's `save` threw, or an error saying that there is too much to keep
 */
export function savedState(collector: Collector, lease: Lease, nextSequence: number): Uint8Array | undefined {
  const state = collector.save()
  if (!state) return undefined
  const body = encodeEnvState(state, lease, nextSequence)
  if (body.length <= MAX_STATE_BYTES) return body
  throw new Error(`their state takes ${body.length} bytes, at most ${MAX_STATE_BYTES} are kept; fewer envs take less`)
}

const sentence = (what: string, error: unknown): string =>
  `${what}: ${error instanceof Error ? error.message : String(error)}`.slice(0, MAX_SENTENCE)

import { sha256Hex } from '../batch/hash.ts'
import { decodeBatch, encodeBatch } from '../batch/safetensors.ts'
import type { Column, DType, SampleBatch } from '../batch/sampleBatch.ts'
import type { PlainData } from '../env/env.ts'
import { MillraceError } from '../errors.ts'
import type { Lease } from '../protocol/lease.ts'
import type { CollectorState } from './collector.ts'
import { parsePlain, plainText } from './plainData.ts'

const FORMAT = '1'
const NOTE = 'env_state'

/** Of a lease, what a state has to be of for the lease to go on from it. */
type StateOwner = Pick<Lease, 'run' | 'shard' | 'seed' | 'env' | 'numEnvs'>

/**
 * A collector's state in the wire format of batches, so that one codec checks both: its numbers as columns, what the envs themselves
 * saved as JSON in a column of bytes. Its sequence number is that of the next fragment.
 *
 * @throws MillraceError E_ENV_CONFIG when an env saved something that is not plain data
 */
export function encodeEnvState(
  { env, actions }: CollectorState,
  lease: StateOwner & Pick<Lease, 'lease'>,
  nextSequence: number,
): Uint8Array {
  const B = lease.numEnvs
  const saved = new TextEncoder().encode(plainText(env.envs))
  const columns: Record<string, Column> = {
    observations: { dtype: 'F32', shape: [env.observations.length], data: Float32Array.from(env.observations) },
    episode_returns: { dtype: 'F64', shape: [B], data: Float64Array.from(env.episodeReturns) },
    episode_lengths: { dtype: 'I32', shape: [B], data: Int32Array.from(env.episodeLengths) },
    env_randoms: { dtype: 'I32', shape: [B, 4], data: Int32Array.from(env.randoms.flat()) },
    action_random: { dtype: 'I32', shape: [4], data: Int32Array.from(actions) },
    envs: { dtype: 'U8', shape: [saved.length], data: saved },
  }
  const { run, shard } = lease
  const provenance = { run, shard, lease: lease.lease, sequence: nextSequence, policyVersion: 0, envSteps: 0 }
  return encodeBatch({ provenance, columns, notes: { [NOTE]: FORMAT, owner: ownerHash(lease) } })
}

/**
 * The state in these bytes, if this lease can go on from it. They may be anything.
 *
 * @throws MillraceError E_ENV_CONFIG when they are no state, or that of another run, shard, env or place in the shard's stream
 */
export function decodeEnvState(bytes: Uint8Array, lease: StateOwner & Pick<Lease, 'firstSequence'>): CollectorState {
  const batch = decodeBatch(bytes)
  const { provenance, notes } = batch
  if (notes[NOTE] !== FORMAT) throw unusable('it is of another format')
  if (provenance.run !== lease.run || provenance.shard !== lease.shard || notes['owner'] !== ownerHash(lease))
    throw unusable('it is of another run, shard, env or number of envs')
  if (provenance.sequence !== lease.firstSequence)
    throw unusable(`its next fragment is ${provenance.sequence}, that of the lease ${lease.firstSequence}`)
  const B = lease.numEnvs
  const observations = column(batch, 'observations', 'F32')
  const returns = column(batch, 'episode_returns', 'F64', B)
  const lengths = column(batch, 'episode_lengths', 'I32', B)
  const randoms = column(batch, 'env_randoms', 'I32', 4 * B)
  const actions = column(batch, 'action_random', 'I32', 4)
  const saved = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(column(batch, 'envs', 'U8')))
  const envs = parsePlain(saved)
  if (!isList(envs) || envs.length !== B) throw unusable(`it does not hold ${B} envs`)
  if (!observations.every(Number.isFinite) || !returns.every(Number.isFinite) || lengths.some((length) => length < 0))
    throw unusable('it holds numbers that no env gives')
  return {
    env: {
      observations,
      episodeReturns: returns,
      episodeLengths: lengths,
      randoms: Array.from({ length: B }, (_, i) => words(randoms, 4 * i)),
      envs,
    },
    actions: words(actions, 0),
  }
}

/** Of all that decides what the envs do, but for their state. */
function ownerHash({ run, shard, seed, env, numEnvs }: StateOwner): string {
  const parts = [run, shard, seed, env.id, env.config, env.code?.sha256 ?? null, numEnvs]
  return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)))
}

function column(batch: SampleBatch, name: string, dtype: DType, length?: number): readonly number[] {
  const found = Object.hasOwn(batch.columns, name) ? batch.columns[name] : undefined
  if (found?.dtype !== dtype || (length !== undefined && found.data.length !== length))
    throw unusable(`its ${name} are not ${length ?? 'numbers'} of ${dtype}`)
  return Array.from(found.data)
}

const words = (numbers: readonly number[], at: number): [number, number, number, number] => {
  const [a = 0, b = 0, c = 0, d = 0] = numbers.slice(at, at + 4)
  return [a, b, c, d]
}

const isList = (value: PlainData): value is readonly PlainData[] => Array.isArray(value)

const unusable = (why: string): MillraceError =>
  new MillraceError('E_ENV_CONFIG', `the saved state is not this lease's: ${why}`)

import { columnOf } from '../../shared/batch/index.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import type { Column } from '../../shared/batch/sampleBatch.ts'
import { z } from 'zod'
import { Sha256 } from '../../shared/protocol/fields.ts'

const count = z.number().int().min(0)

/** What a run that repeats bit for bit needs beside weights and clocks to go on as if it had never ended; plain data. */
export const ExactMetadata = z.strictObject({
  /** The seed of the rollouts. */
  seed: count,
  /** The first policy version, with sequence number 0 of every shard. */
  baseVersion: count,
  shards: z.number().int().min(1),
  /** Of the env's code, where it has a module of its own. */
  code: Sha256.optional(),
  /** Where envs cannot be saved: at every multiple of this sequence number they start anew. */
  anewEvery: z.number().int().min(1).optional(),
  /** The run that the states are of. */
  run: z.string(),
  /** By shard: where its envs were saved; the beginning where they were not. */
  sequences: z.array(count).max(10_000),
})

/** See `ExactMetadata`. */
export interface ExactState extends z.infer<typeof ExactMetadata> {
  /** By shard, in the format of `encodeEnvState`; undefined where the shard has to be stepped from its beginning. */
  readonly states: readonly (Uint8Array | undefined)[]
  /** Published versions that functions may ask for, oldest first; the last is the newest of all. */
  readonly policies: readonly ExactPolicy[]
}

export interface ExactPolicy {
  readonly version: number
  /** ONNX. */
  readonly model: Uint8Array
}

const STATE = 'env_state_'
const POLICY = 'policy_'

/** The bytes of an exact state as columns of a checkpoint. */
export function exactColumns({ states, policies }: ExactState): Record<string, Column> {
  const columns: Record<string, Column> = {}
  const bytes = (data: Uint8Array) => columnOf(Uint8Array.from(data), [data.length])
  states.forEach((state, shard) => {
    if (state) columns[STATE + shard] = bytes(state)
  })
  for (const { version, model } of policies) columns[POLICY + version] = bytes(model)
  return columns
}

/** @returns undefined where the columns are not those that the metadata tells of */
export function exactFrom(
  metadata: z.infer<typeof ExactMetadata>,
  columns: Readonly<Record<string, Column>>,
): ExactState | undefined {
  const bytesOf = (name: string): Uint8Array | undefined => {
    const data = Object.hasOwn(columns, name) ? columns[name]?.data : undefined
    return data instanceof Uint8Array ? data : undefined
  }
  const states = metadata.sequences.map((_, shard) => bytesOf(STATE + shard))
  const policies = Object.keys(columns)
    .filter((name) => name.startsWith(POLICY))
    .map((name) => ({ version: Number(name.slice(POLICY.length)), model: bytesOf(name) ?? new Uint8Array() }))
    .sort((a, b) => a.version - b.version)
  const { sequences, anewEvery = Number.POSITIVE_INFINITY } = metadata
  const whole = sequences.every((sequence, shard) => sequence % anewEvery === 0 || states[shard] !== undefined)
  return whole && policies.length > 0 && metadata.sequences.length === metadata.shards
    ? { ...metadata, states, policies }
    : undefined
}

/** Identifies an env's code; undefined for a built-in. */
export const codeHash = (code: Uint8Array | { readonly sha256: string } | undefined): string | undefined =>
  code instanceof Uint8Array ? sha256Hex(code) : code?.sha256

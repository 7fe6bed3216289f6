/** Element types, in the names of the safetensors format. */
export type DType = 'F32' | 'F64' | 'I32' | 'U8'

export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array

export interface Column {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Row-major, exactly as many elements as the shape says. */
  readonly data: TypedArray
}

/** Where a batch comes from; travels with it everywhere. */
export interface Provenance {
  readonly run: string
  readonly shard: number
  readonly lease: string
  /** Number of the fragment within its shard, 0, 1, 2 … over all leases of the shard. */
  readonly sequence: number
  /** The policy version of the fragment's first step. */
  readonly policyVersion: number
  readonly envSteps: number
}

/**
 * One rollout fragment, time-major. Columns of every fragment (T fragment length, B envs, D the observation shape):
 *
 * | column | dtype | shape | |
 * |---|---|---|---|
 * | `observations` | F32 or U8 | [T, B, ...D] | what each action was chosen from |
 * | `bootstrap_observations` | F32 or U8 | [B, ...D] | after the last step; the first of the next episode where that step ended one |
 * | `actions` | U8, I32 or F32 | [T, B] or [T, B, A] | indices (U8 up to 256 of them, I32 beyond) or box values (F32), as they were drawn |
 * | `action_mask` | U8 | [T, B, P] | only where the env masks actions: 0 for one that could not be taken |
 * | `behaviour_log_probs` | F32 | [T, B] | log mu(a given x) of the policy that acted |
 * | `rewards` | F32 | [T, B] | unscaled |
 * | `terminated`, `truncated` | U8 | [T, B] | never both 1 |
 * | `final_index` | I32 | [K] | t * B + b of every truncated step, ascending |
 * | `final_observations` | F32 or U8 | [K, ...D] | the observations those episodes ended with, to bootstrap from |
 * | `policy_versions` | I32 | [T] | of every step's policy |
 * | `episode_returns`, `episode_lengths` | F32, I32 | [E] | episodes that finished inside, in order of (t, b) |
 */
export interface SampleBatch {
  readonly provenance: Provenance
  readonly columns: Readonly<Record<string, Column>>
  /** Anything else worth keeping (env id, seed); strings only, as the wire format has them. */
  readonly notes: Readonly<Record<string, string>>
}

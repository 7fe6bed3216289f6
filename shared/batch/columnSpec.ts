import type { DType } from './sampleBatch.ts'

/** A size of a column: T steps, B envs, K truncated steps, E finished episodes; what is a number is fixed. */
export type Dim = 'T' | 'B' | 'K' | 'E' | number

/**
 * How the columns of F fragments become one of a train batch:
 *
 * - `envs`: [T, B, …] side by side along B
 * - `rows`: [B, …] or [E, …] one after another
 * - `finals`: `final_index` and what goes with it, [K, …], merged so that the index stays ascending
 * - `versions`: [T] side by side, [T, F]
 * - `stack`: one over another, [F, …]
 */
export type Join = 'envs' | 'rows' | 'finals' | 'versions' | 'stack'

/** What a column of a fragment is to be: the one table that checking, joining and feeding are made from. */
export interface ColumnSpec {
  readonly name: string
  /** What it may be of; the first is what a fragment has memory for. */
  readonly dtypes: readonly DType[]
  readonly dims: readonly Dim[]
  readonly join: Join
  /** Limits of its values, both inclusive. Nothing may be NaN or infinite anyway. */
  readonly min?: number
  /** One for all, or one for each place along the last axis. */
  readonly max?: number | readonly number[]
}

/** What the fragments of a lease are to be. */
export interface FragmentForm {
  /** Steps, and envs. */
  readonly T: number
  readonly B: number
  /** Messages of the same steps, which are counted with the first; 1 unless told. */
  readonly rounds?: number
  /** A fragment has these columns and no others. */
  readonly columns: readonly ColumnSpec[]
}

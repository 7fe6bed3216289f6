import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { ProgramState } from '../program/index.ts'

/** Values that change from update to update, by the names that graphs have for them. */
export type Rates = Readonly<Record<string, number>>

export interface TrainOptions {
  /** Of the program. */
  readonly call: string
  readonly rates: Rates
  /** The policy that is wanted with it, by its name. */
  readonly wantPolicy?: string | undefined
}

export interface Trained {
  /** Loss terms and the like, by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** The new policy as ONNX, where it was asked for. */
  readonly policy: Uint8Array | undefined
}

/** A program with its state, wherever it runs: a worker thread, or this one. */
export interface Learner {
  /** A policy as ONNX, with its newest weights; the one called `default` if not told. */
  policy(name?: string): Promise<Uint8Array>
  /**
   * One call of the program on fragments of one shape [T, B], joined along B in the given order.
   * @throws MillraceError E_TRAIN_DIVERGED when a metric is no longer finite, E_ENGINE
   */
  train(fragments: readonly SampleBatch[], options: TrainOptions): Promise<Trained>
  /** A copy of all that training changes, as the calls asked for before this one leave it. */
  save(): Promise<ProgramState>
  /** What rewards are multiplied by before the loss. */
  readonly rewardScale: number
  /** Time spent in train steps so far, ms. */
  readonly busyMs: number
  close(): Promise<void>
}

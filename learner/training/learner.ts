import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { TrainState } from '../tensor/index.ts'

/** Values that change from update to update and are inputs of the train graph. */
export interface Rates {
  readonly learningRate: number
  readonly entropyCoef: number
}

export interface Trained {
  /** Loss terms and the like, by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** The new policy as ONNX, where it was asked for. */
  readonly policy: Uint8Array | undefined
}

/** Network, loss and optimizer, wherever they run: a worker thread, or this one. */
export interface Learner {
  /** The policy as ONNX. */
  policy(): Promise<Uint8Array>
  /**
   * One update on fragments of one shape [T, B], joined along B in the given order.
   * @throws MillraceError E_TRAIN_DIVERGED when a metric or a weight is no longer finite, E_ENGINE
   */
  train(
    fragments: readonly SampleBatch[],
    options: { readonly rates: Rates; readonly wantPolicy: boolean },
  ): Promise<Trained>
  /** A copy of weights and optimizer, as the updates asked for before this call leave them. */
  save(): Promise<TrainState>
  /** What rewards are multiplied by before the loss. */
  readonly rewardScale: number
  /** Time spent in train steps so far, ms. */
  readonly busyMs: number
  close(): Promise<void>
}

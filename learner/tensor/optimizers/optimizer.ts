import type { Operand, Tensor } from '../graph.ts'

/** What an optimizer needs for one update; everything but `step` and `learningRate` has the weights' shape. */
export interface UpdateInputs {
  readonly weights: Tensor
  readonly gradient: Tensor
  /** In the order of `Optimizer.slots`. */
  readonly slots: readonly Tensor[]
  /** The number of this update, 1 for the first; int32 []. */
  readonly step: Tensor
  /** float32 [] */
  readonly learningRate: Operand
}

/** One update as graph nodes. Its state starts as zeros. */
export interface Optimizer {
  /** Names of its state vectors. */
  readonly slots: readonly string[]
  update(inputs: UpdateInputs): { readonly weights: Tensor; readonly slots: readonly Tensor[] }
}

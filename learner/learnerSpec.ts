import type { Schedule } from './clocks.ts'

/**
 * What the train worker builds its one ONNX graph from: plain data, so that it crosses a thread or a checkpoint. `loss` names
 * a train step of learner/losses; everything else is its parameters.
 */
export interface LearnerSpec {
  readonly loss: 'impala'
  readonly hidden: readonly number[]
  readonly activation: 'tanh' | 'relu'
  readonly sharedTrunk: boolean
  readonly gamma: number
  readonly rhoBar: number
  readonly cBar: number
  readonly pgRhoBar: number
  readonly entropyCoef: number | Schedule
  readonly valueCoef: number
  readonly rewardScale: number
  readonly maxGradNorm: number
  readonly reduction: 'sum' | 'mean'
  readonly learningRate: number | Schedule
  readonly optimizer: { readonly kind: 'adam'; readonly epsilon: number } | { readonly kind: 'rmsprop'; readonly decay: number; readonly epsilon: number }
  readonly engine: 'onnxruntime' | 'tfjs'
  readonly threads: number
}

/**
 * What the one train graph is built from: plain data, so that it crosses a thread and a checkpoint. `loss` names a loss of
 * learner/losses; rates that change during a run are inputs of the graph and not in here.
 */
export interface LearnerSpec {
  readonly loss: 'vtrace'
  readonly network: {
    readonly hidden: readonly number[]
    readonly activation: 'tanh' | 'relu'
    readonly sharedTrunk: boolean
  }
  readonly optimizer: { readonly kind: 'adam' | 'rmsprop'; readonly epsilon: number; readonly maxGradNorm: number }
  readonly vtrace: { readonly gamma: number; readonly rhoBar: number; readonly cBar: number; readonly pgRhoBar: number }
  readonly valueCoef: number
  readonly rewardScale: number
  readonly reduction: 'sum' | 'mean'
  readonly engine: 'onnxruntime' | 'tfjs'
  /** What onnxruntime runs on; `cpu` if not given. */
  readonly provider?: 'cpu' | 'cuda'
  readonly threads: number
}

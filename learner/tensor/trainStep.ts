import { gradients } from './gradients.ts'
import { substitute, type Graph, type Tensor } from './graph.ts'
import type { Uniform } from './initializers.ts'
import { flattenAll, initialWeights, layoutOf, unflatten, type Layout } from './layout.ts'
import { add } from './ops/arithmetic.ts'
import { concat } from './ops/pieces.ts'
import { reshape } from './ops/shape.ts'
import { input } from './ops/sources.ts'
import { clipByNorm, globalNorm } from './optimizers/clip.ts'
import { optimizer, type OptimizerConfig } from './optimizers/index.ts'

/** Everything that training changes: what a checkpoint holds of it. */
export interface TrainState {
  /** [P], in the order of the layout. */
  readonly weights: Float32Array
  /** State vectors of the optimizer by name, each [P]. */
  readonly slots: Readonly<Record<string, Float32Array>>
  /** Updates done so far. */
  readonly step: number
}

/**
 * One update as one graph. Inputs: `weights` [P], `slot_<name>` [P] each, `step` int32 [], `learning_rate` [], then the loss's own.
 * Outputs: `new_weights`, `new_slot_<name>`, `new_step`, and `metrics` [M].
 */
export interface TrainStep {
  readonly graph: Graph
  readonly layout: Layout
  /** Names of the optimizer's state vectors, without `slot_`. */
  readonly slots: readonly string[]
  /** Names of the M numbers in `metrics`; the last is `gradNorm`, before clipping. */
  readonly metricNames: readonly string[]
  /** Weights drawn from the initialisers, the rest zero. */
  initialState(uniform: Uniform): TrainState
}

export interface TrainStepOptions {
  readonly name: string
  /** float32 [] to be made smaller. */
  readonly loss: Tensor
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /** What the loss is fed, made by `input`. */
  readonly inputs: readonly Tensor[]
  readonly optimizer: OptimizerConfig
  /** Global norm to which gradients are clipped; not clipped if not given. */
  readonly maxGradNorm?: number
  /** Scalars to report. */
  readonly metrics?: Readonly<Record<string, Tensor>>
}

/** Forward, backward, clipping and optimizer as one graph over one flat weight vector. @throws MillraceError E_GRAPH */
export function buildTrainStep({
  name,
  loss,
  parameters,
  inputs,
  maxGradNorm,
  metrics = {},
  ...options
}: TrainStepOptions): TrainStep {
  const layout = layoutOf(parameters)
  const method = optimizer(options.optimizer)
  const weights = input('weights', [layout.size])
  const slots = method.slots.map((slot) => input(`slot_${slot}`, [layout.size]))
  const step = input('step', [], 'int32')
  const learningRate = input('learning_rate', [])

  const raw = flattenAll(gradients(loss, parameters))
  const norm = globalNorm(raw)
  const gradient = maxGradNorm === undefined ? raw : clipByNorm(raw, norm, maxGradNorm)
  const nextStep = add(step, 1)
  const updated = method.update({ weights, gradient, slots, step: nextStep, learningRate })
  const reported = { ...metrics, gradNorm: norm }
  const outputs: Record<string, Tensor> = {
    new_weights: updated.weights,
    ...Object.fromEntries(method.slots.map((slot, i) => [`new_slot_${slot}`, updated.slots[i] as Tensor])),
    new_step: nextStep,
    metrics: concat(Object.values(reported).map((x) => reshape(x, [1]))),
  }
  const bound = substitute(Object.values(outputs), unflatten(weights, parameters))
  return {
    graph: {
      name,
      inputs: [weights, ...slots, step, learningRate, ...inputs],
      outputs: Object.fromEntries(Object.keys(outputs).map((key, i) => [key, bound[i] as Tensor])),
    },
    layout,
    slots: method.slots,
    metricNames: Object.keys(reported),
    initialState: (uniform) => ({
      weights: initialWeights(parameters, uniform),
      slots: Object.fromEntries(method.slots.map((slot) => [slot, new Float32Array(layout.size)])),
      step: 0,
    }),
  }
}

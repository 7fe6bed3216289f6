import {
  add,
  buildTrainStep,
  cast,
  clip,
  concat,
  div,
  flatten,
  gather,
  input,
  layoutOf,
  mul,
  PolicyTemplate,
  reduceMean,
  reshape,
  square,
  stopGradient,
  sub,
  type OptimizerConfig,
  type Tensor,
  type TrainStep,
} from '../tensor/index.ts'
import { actorCriticLoss } from './actorCritic.ts'
import { categorical } from './categorical.ts'
import { policyValueNetwork, type NetworkOptions, type PolicyValueNetwork } from './network.ts'
import { vtrace, type Vtrace, type VtraceOptions } from './vtrace.ts'

export interface ImpalaTrainStepOptions extends NetworkOptions, VtraceOptions {
  /** Steps of a fragment, fixed when the graph is built. */
  readonly T: number
  /** Envs in a batch, fixed when the graph is built. */
  readonly B: number
  /** Discount, 0 … 1. */
  readonly gamma: number
  readonly valueCoef: number
  readonly reduction: 'sum' | 'mean'
  /** Multiplies rewards first. */
  readonly rewardScale: number
  /** Then limits them to ± this. */
  readonly rewardClip?: number
  /** Global norm to which gradients are clipped. */
  readonly maxGradNorm?: number
  readonly optimizer: OptimizerConfig
  /** Whether the policy also gives `value`, which costs a rollout a tenth of its speed; it does if not told. */
  readonly publishValue?: boolean
}

export interface ImpalaTrainStep extends TrainStep {
  /** The forward part with dynamic rows: `observations` [N, ...D] to `logits` [N, A] and, unless left out, `value` [N]. */
  readonly policy: PolicyTemplate
}

/**
 * One IMPALA update (Espeholt et al. 2018, arXiv:1802.01561, section 4) as one graph. Beside the inputs of `TrainStep`:
 *
 * | input | dtype | shape | |
 * |---|---|---|---|
 * | `entropy_coef` | float32 | [] | |
 * | `observations` | float32 | [T, B, ...D] | |
 * | `extra_observations` | float32 | [E, ...D] | E >= 1: the B bootstrap observations, then the final ones of truncated steps |
 * | `next_index` | int32 | [T, B] | the true next state's row among T * B observations (t * B + b) followed by E extra ones |
 * | `actions` | int32 | [T, B] | |
 * | `behaviour_log_probs` | float32 | [T, B] | |
 * | `rewards` | float32 | [T, B] | as the environment gave them |
 * | `terminated`, `episode_end` | uint8 | [T, B] | `episode_end` is terminated or truncated |
 *
 * Metrics: `loss` is what is minimised; policyLoss, valueLoss, entropy are its parts under the same reduction, without coefficients.
 */
export function impalaTrainStep(options: ImpalaTrainStepOptions): ImpalaTrainStep {
  const network = policyValueNetwork(options)
  const inputs = batchInputs(options)
  const { targetLogProbs, values, entropy, returns } = forward(network, inputs, options)
  const entropyCoef = input('entropy_coef', [])
  const loss = actorCriticLoss(
    { logProbs: targetLogProbs, values, entropy, advantages: returns.advantages, targets: returns.targets },
    { valueCoef: options.valueCoef, entropyCoef, reduction: options.reduction },
  )
  const trainStep = buildTrainStep({
    name: 'impala',
    loss: loss.total,
    parameters: network.parameters,
    inputs: [entropyCoef, ...Object.values(inputs)],
    optimizer: options.optimizer,
    ...(options.maxGradNorm === undefined ? {} : { maxGradNorm: options.maxGradNorm }),
    metrics: {
      loss: loss.total,
      policyLoss: loss.policy,
      valueLoss: loss.value,
      entropy: loss.entropy,
      meanRho: reduceMean(returns.rhos),
      meanTarget: reduceMean(returns.targets),
      explainedVariance: explainedVariance(returns.targets, values),
    },
  })
  return { ...trainStep, policy: policyTemplate(network, options) }
}

type BatchInputs = ReturnType<typeof batchInputs>

function batchInputs({ T, B, observationShape }: ImpalaTrainStepOptions) {
  return {
    observations: input('observations', [T, B, ...observationShape]),
    extra: input('extra_observations', ['E', ...observationShape]),
    nextIndex: input('next_index', [T, B], 'int32'),
    actions: input('actions', [T, B], 'int32'),
    behaviourLogProbs: input('behaviour_log_probs', [T, B]),
    rewards: input('rewards', [T, B]),
    terminated: input('terminated', [T, B], 'uint8'),
    episodeEnd: input('episode_end', [T, B], 'uint8'),
  }
}

interface Forward {
  readonly targetLogProbs: Tensor
  readonly values: Tensor
  readonly entropy: Tensor
  readonly returns: Vtrace
}

/** Everything as [T * B] but V-trace, which needs time as an axis of its own. */
function forward(network: PolicyValueNetwork, inputs: BatchInputs, options: ImpalaTrainStepOptions): Forward {
  const { T, B, gamma, rewardScale, rewardClip, observationShape } = options
  const { logits, value } = network.apply(reshape(inputs.observations, [T * B, ...observationShape]), 'actionsFirst')
  const all = concat([value, network.apply(inputs.extra).value])
  const policy = categorical(logits, 0)
  const targetLogProbs = policy.logProb(flatten(inputs.actions))
  const scaled = mul(inputs.rewards, rewardScale)
  const returns = vtrace(
    {
      targetLogProbs: reshape(targetLogProbs, [T, B]),
      behaviourLogProbs: inputs.behaviourLogProbs,
      rewards: rewardClip === undefined ? scaled : clip(scaled, -rewardClip, rewardClip),
      values: reshape(value, [T, B]),
      nextValues: gather(all, inputs.nextIndex),
      discounts: mul(sub(1, cast(inputs.terminated, 'float32')), gamma),
      continues: sub(1, cast(inputs.episodeEnd, 'float32')),
    },
    options,
  )
  const flat = {
    targets: flatten(returns.targets),
    advantages: flatten(returns.advantages),
    rhos: flatten(returns.rhos),
  }
  return { targetLogProbs, values: value, entropy: policy.entropy(), returns: flat }
}

/** 1 - Var(target - value) / Var(target): 1 where values are right, 0 or less where a constant would do as well. */
function explainedVariance(targets: Tensor, values: Tensor): Tensor {
  const variance = (x: Tensor) => reduceMean(square(sub(x, reduceMean(x))))
  return sub(1, div(variance(sub(targets, stopGradient(values))), add(variance(targets), 1e-8)))
}

function policyTemplate(
  network: PolicyValueNetwork,
  { observationShape, publishValue = true }: ImpalaTrainStepOptions,
): PolicyTemplate {
  const observations = input('observations', ['N', ...observationShape])
  const { logits, value } = network.apply(observations)
  return new PolicyTemplate(
    { name: 'policy', inputs: [observations], outputs: publishValue ? { logits, value } : { logits } },
    layoutOf(network.parameters),
  )
}

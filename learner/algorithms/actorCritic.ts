import { z } from 'zod'
import { spaceSize } from '../../shared/env/space.ts'
import { MODEL_OUTPUTS, type PolicySpec, outputsOf } from '../../shared/policy/spec.ts'
import { type Head, gaussianHead } from '../heads/index.ts'
import { categorical, gae, policyValueNetwork } from '../losses/index.ts'
import type { RolloutColumns } from '../program/index.ts'
import { rate } from '../settings.ts'
import { type Tensor, cast, concat, flatten, gather, input, mul, reshape, sub } from '../tensor/index.ts'

const count = z.number().int().min(1)

/** The network of an algorithm that has a policy and a value. */
export const NETWORK_SETTINGS = {
  hidden: z.array(count).min(1).default([64, 64]),
  activation: z.enum(['tanh', 'relu']).default('tanh'),
  /** One stack of hidden layers under policy and value, or one each. */
  sharedTrunk: z.boolean().default(false),
  /** Whether the published policy also gives `value`, which costs a rollout a tenth of its speed. */
  publishValue: z.boolean().default(false),
}

/** Of losses that have a policy's, a value's and an entropy term. */
export const LOSS_SETTINGS = {
  gamma: z.number().min(0).max(1).default(0.99),
  entropyCoef: rate.default(0),
  valueCoef: z.number().min(0).default(0.5),
  /** Global norm to which gradients are clipped. */
  maxGradNorm: z.number().positive().default(0.5),
  /** Multiplies rewards before the loss. */
  rewardScale: z.number().positive().default(1),
  learningRate: rate.default(3e-4),
  /** Of the optimizer. */
  epsilon: z.number().positive().default(1e-5),
}

/** What is fed at every update. */
export const ratesOf = ({ learningRate, entropyCoef }: Pick<LossSettings, 'learningRate' | 'entropyCoef'>) => ({
  learning_rate: learningRate,
  entropy_coef: entropyCoef,
})

export type LossSettings = z.output<z.ZodObject<typeof LOSS_SETTINGS>>
type NetworkSettings = z.output<z.ZodObject<typeof NETWORK_SETTINGS>>

export interface ActorCritic {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /** What it says of every step of a batch. */
  evaluate(batch: RolloutColumns): Evaluated & {
    /** [T, B], of the true next state: where an episode was truncated that of its final observation. */ readonly nextValues: Tensor
  }
  /** What it says of observations [N, ...D]. */
  apply(observations: Tensor): Evaluated
  /** With dynamic rows: `observations` [N, ...D] to what a policy of its kind gives, and `value` [N] where it is asked for. */
  readonly published: { readonly inputs: readonly Tensor[]; readonly outputs: Readonly<Record<string, Tensor>> }
}

export interface Evaluated {
  readonly policy: Distribution
  /** [N] */
  readonly values: Tensor
}

/** Over actions, for N entries. */
export interface Distribution {
  /** Log-probability, or density, of actions as a batch has them: [N] */
  logProb(actions: Tensor): Tensor
  /** [N] */
  entropy(): Tensor
}

/** Policy and value for what a spec says of observations and actions: categorical, or normal with one deviation a dimension for all states. */
export function actorCritic({ publishValue, ...settings }: NetworkSettings, spec: PolicySpec): ActorCritic {
  const { observation, action } = spec
  const head = action.kind === 'box' ? gaussianHead({ dimensions: spaceSize(action), logStd: 'shared' }) : undefined
  const actions = head?.outputs ?? outputsOf(spec)
  const network = policyValueNetwork({ ...settings, observationShape: observation.shape, actions })
  const observations = input('observations', ['N', ...observation.shape])
  const { logits, value } = network.apply(observations)
  const outputs = { [MODEL_OUTPUTS[spec.distribution]]: head ? head.params(logits) : logits }
  const apply = (rows: Tensor): Evaluated => {
    // With discrete actions first, sums over them run over long rows.
    const { logits: given, value: values } = network.apply(rows, head ? 'entriesFirst' : 'actionsFirst')
    return { policy: head ? normal(head, given) : discrete(given), values }
  }
  return {
    parameters: [...network.parameters, ...(head?.parameters ?? [])],
    apply,
    evaluate: (batch) => {
      const [T = 0, B = 0] = batch.rewards.shape
      const here = apply(reshape(batch.observations, [Number(T) * Number(B), ...observation.shape]))
      const all = concat([here.values, network.apply(batch.extraObservations).value])
      return { ...here, nextValues: gather(all, batch.nextIndex) }
    },
    published: { inputs: [observations], outputs: publishValue ? { ...outputs, value } : outputs },
  }
}

function discrete(logits: Tensor): Distribution {
  const policy = categorical(logits, 0)
  return { logProb: (actions) => policy.logProb(flatten(actions)), entropy: () => policy.entropy() }
}

function normal(head: Head, outputs: Tensor): Distribution {
  const params = head.params(outputs)
  const [rows = 1] = params.shape
  return {
    logProb: (actions) => head.logProb(params, reshape(actions, [rows, ...head.drawn.shape])),
    entropy: () => head.entropy(params),
  }
}

/** [T, B] each: gamma, and 0 where the episode terminated; 1, and 0 at the last step of every episode. */
export const discounting = ({ terminated, episodeEnd }: RolloutColumns, gamma: number) => ({
  discounts: mul(sub(1, cast(terminated, 'float32')), gamma),
  continues: sub(1, cast(episodeEnd, 'float32')),
})

/** Generalised advantages and value targets of a batch, [T * B] each. No gradient flows through them. */
export function estimated(
  batch: RolloutColumns,
  { values, nextValues }: { readonly values: Tensor; readonly nextValues: Tensor },
  { gamma, lambda, rewardScale }: { readonly gamma: number; readonly lambda: number; readonly rewardScale: number },
): { readonly advantages: Tensor; readonly returns: Tensor } {
  const shaped = { rewards: mul(batch.rewards, rewardScale), values: reshape(values, batch.rewards.shape), nextValues }
  const { advantages, returns } = gae({ ...shaped, ...discounting(batch, gamma) }, lambda)
  return { advantages: flatten(advantages), returns: flatten(returns) }
}

import { z } from 'zod'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { rate } from '../settings.ts'
import { type PolicyValueNetwork, gae, policyValueNetwork } from '../losses/index.ts'
import type { RolloutColumns } from '../program/index.ts'
import { type Tensor, cast, concat, flatten, gather, input, mul, reshape, sub } from '../tensor/index.ts'

const count = z.number().int().min(1)

/** The network of an algorithm that has a policy and a value. */
export const NETWORK_SETTINGS = {
  hidden: z.array(count).min(1).default([64, 64]),
  activation: z.enum(['tanh', 'relu']).default('tanh'),
  /** One stack of hidden layers under policy and value, or one each. */
  sharedTrunk: z.boolean().default(true),
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

type LossSettings = z.output<z.ZodObject<typeof LOSS_SETTINGS>>
type NetworkSettings = z.output<z.ZodObject<typeof NETWORK_SETTINGS>>

export interface ActorCritic {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: PolicyValueNetwork['parameters']
  /** What it says of every step of a batch. */
  evaluate(batch: RolloutColumns): Evaluated
  /** What it says of observations [N, ...D]: logits [A, N] and values [N]. */
  apply(observations: Tensor): Omit<Evaluated, 'nextValues'>
  /** With dynamic rows: `observations` [N, ...D] to `logits` [N, A], and `value` [N] where it is asked for. */
  readonly published: { readonly inputs: readonly Tensor[]; readonly outputs: Readonly<Record<string, Tensor>> }
}

export interface Evaluated {
  /** [A, T * B]: with actions first, sums over them run over long rows. */
  readonly logits: Tensor
  /** [T * B] */
  readonly values: Tensor
  /** [T, B], of the true next state: where an episode was truncated that of its final observation. */
  readonly nextValues: Tensor
}

/** Policy and value of discrete actions, for what a spec says of observations and actions. */
export function actorCritic(
  { publishValue, ...settings }: NetworkSettings,
  { observation, action }: PolicySpec,
): ActorCritic {
  const network = policyValueNetwork({
    ...settings,
    observationShape: observation.shape,
    actions: action.kind === 'discrete' ? action.n : 0,
  })
  const observations = input('observations', ['N', ...observation.shape])
  const { logits, value } = network.apply(observations)
  return {
    parameters: network.parameters,
    apply: (rows) => {
      const { logits: given, value: values } = network.apply(rows, 'actionsFirst')
      return { logits: given, values }
    },
    evaluate: (batch) => {
      const [T = 0, B = 0] = batch.rewards.shape
      const flat = reshape(batch.observations, [Number(T) * Number(B), ...observation.shape])
      const here = network.apply(flat, 'actionsFirst')
      const all = concat([here.value, network.apply(batch.extraObservations).value])
      return { logits: here.logits, values: here.value, nextValues: gather(all, batch.nextIndex) }
    },
    published: { inputs: [observations], outputs: publishValue ? { logits, value } : { logits } },
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
  { values, nextValues }: Pick<Evaluated, 'values' | 'nextValues'>,
  { gamma, lambda, rewardScale }: { readonly gamma: number; readonly lambda: number; readonly rewardScale: number },
): { readonly advantages: Tensor; readonly returns: Tensor } {
  const shaped = { rewards: mul(batch.rewards, rewardScale), values: reshape(values, batch.rewards.shape), nextValues }
  const { advantages, returns } = gae({ ...shaped, ...discounting(batch, gamma) }, lambda)
  return { advantages: flatten(advantages), returns: flatten(returns) }
}

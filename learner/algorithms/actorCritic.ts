import { z } from 'zod'
import { MODEL_OUTPUTS, type PolicySpec } from '../../shared/policy/spec.ts'
import type { Head } from '../heads/index.ts'
import { gae } from '../losses/index.ts'
import { policyValueNetwork } from '../networks/index.ts'
import type { RolloutColumns, StepColumns } from '../program/index.ts'
import { rate } from '../settings.ts'
import { type Normalization, type NormalizationSettings, normalization } from './normalization.ts'
import { type NetworkSettings, headOf } from './networkSettings.ts'
import { type Tensor, cast, concat, flatten, gather, input, mul, reshape, sub } from '../tensor/index.ts'

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

export interface ActorCritic {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /** What it says of every step of a batch. */
  evaluate(batch: RolloutColumns): Evaluated & {
    /** [T, B], of the true next state: where an episode was truncated that of its final observation. */ readonly nextValues: Tensor
  }
  /** What it says of N steps, whose observations are [N, ...D]; actions that their mask rules out have no probability and no gradient. */
  apply(steps: Pick<StepColumns, 'observations' | 'actionMask'>): Evaluated
  /** With dynamic rows: `observations` [N, ...D] to what a policy of its kind gives, and `value` [N] where it is asked for. */
  readonly published: { readonly inputs: readonly Tensor[]; readonly outputs: Readonly<Record<string, Tensor>> }
  /** Running statistics of observations and returns, where the settings ask for them. */
  readonly normalization: Normalization
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

/**
 * Policy and value for what a spec says of observations and actions.
 *
 * @param shared the statistics of the network that this one is a copy of
 */
export function actorCritic(
  settings: NetworkSettings & NormalizationSettings,
  spec: PolicySpec,
  shared?: Normalization,
): ActorCritic {
  const { shape, dtype = 'float32', high = 1 } = spec.observation
  const head = headOf(settings, spec)
  const scale = dtype === 'uint8' ? { scale: 1 / Math.max(1, high) } : {}
  const network = policyValueNetwork({ ...settings, ...scale }, { shape, policyOutputs: head.outputs })
  const observations = input('observations', ['N', ...shape], dtype)
  const running = shared ?? normalization(settings, spec, network)
  const published = network.apply(running.observations(observations))
  const outputs = { [MODEL_OUTPUTS[spec.distribution]]: head.params(published.policy) }
  const apply: ActorCritic['apply'] = (steps) => {
    const { policy, value } = network.apply(running.observations(steps.observations), head.axis)
    const params = head.params(policy)
    const masked = steps.actionMask && head.mask ? head.mask(params, steps.actionMask) : params
    return { policy: distribution(head, masked), values: running.values(flatten(value)) }
  }
  return {
    parameters: [...network.parameters, ...head.parameters],
    apply,
    evaluate: (batch) => {
      const [T = 0, B = 0] = batch.rewards.shape
      const N = Number(T) * Number(B)
      const { observations: seen, actionMask } = batch
      const mask = actionMask && { actionMask: reshape(actionMask, [N, ...actionMask.shape.slice(2)]) }
      const here = apply({ observations: reshape(seen, [N, ...shape]), ...mask })
      const extra = network.apply(running.observations(batch.extraObservations))
      const all = concat([here.values, running.values(flatten(extra.value))])
      return { ...here, nextValues: gather(all, batch.nextIndex) }
    },
    published: {
      inputs: [observations],
      outputs: settings.publishValue ? { ...outputs, value: running.values(flatten(published.value)) } : outputs,
    },
    normalization: running,
  }
}

function distribution(head: Head, params: Tensor): Distribution {
  const rows = params.shape[1 - head.axis] ?? 1
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

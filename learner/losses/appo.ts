import {
  add,
  clip,
  exp,
  mul,
  neg,
  reduceMean,
  square,
  stopGradient,
  sub,
  type Operand,
  type Tensor,
} from '../tensor/index.ts'
import { clipFraction, clippedSurrogate, klEstimate } from './ppo.ts'

/** All of one shape, float32: [N] or [T, B]. */
export interface AppoInputs {
  /** log pi(a_t | x_t) of the policy that learns; this, `values`, `entropy` and `kl` carry the gradient. */
  readonly logProbs: Tensor
  /** Of the target network: an older policy of the learner's, with which V-trace was computed. */
  readonly targetLogProbs: Tensor
  /** Of the policy that acted. */
  readonly behaviourLogProbs: Tensor
  readonly values: Tensor
  /** V-trace's, from the target network's log-probabilities and values. */
  readonly targets: Tensor
  readonly advantages: Tensor
  readonly entropy: Tensor
  /** KL(target || pi). */
  readonly kl?: Tensor
}

export interface AppoOptions {
  /** epsilon > 0 of the clipped surrogate. */
  readonly clip: number
  readonly valueCoef: number
  readonly entropyCoef: Operand
  /** Of the KL penalty; 0 if not given. */
  readonly klCoef?: Operand
  /** Cap of mu / target, > 0; 2 if not given, as RLlib has it. */
  readonly rhoCap?: number
}

export interface AppoLoss {
  readonly total: Tensor
  readonly policy: Tensor
  /** Half the mean squared error, without its coefficient. */
  readonly value: Tensor
  readonly entropy: Tensor
  /** The mean of `klEstimate` between target and policy. */
  readonly approxKl: Tensor
  /** The share of steps whose ratio is outside 1 ± epsilon. */
  readonly clipFraction: Tensor
  /** The total and its parts, by the names that they are reported under. */
  readonly metrics: Readonly<Record<string, Tensor>>
}

/**
 * Asynchronous PPO: the surrogate of IMPACT (Luo et al. 2020, arXiv:1912.00167, eq. 3 and algorithm 1) with V-trace advantages, as
 * means: -min(r A, clip(r, 1 - eps, 1 + eps) A), r = min(mu / target, rhoCap) pi / mu, which is pi / target unless the data is far
 * from the target network. Values and the rest as in IMPALA. No gradient flows through target, mu, advantages and targets.
 */
export function appoLoss(inputs: AppoInputs, options: AppoOptions): AppoLoss {
  const behaviour = stopGradient(inputs.behaviourLogProbs)
  const fromTarget = clip(exp(sub(behaviour, stopGradient(inputs.targetLogProbs))), 0, options.rhoCap ?? 2)
  const ratio = mul(fromTarget, exp(sub(inputs.logProbs, behaviour)))
  const policy = neg(reduceMean(clippedSurrogate(ratio, stopGradient(inputs.advantages), options.clip)))
  const value = mul(reduceMean(square(sub(inputs.values, stopGradient(inputs.targets)))), 0.5)
  const entropy = reduceMean(inputs.entropy)
  const withoutKl = sub(add(policy, mul(value, options.valueCoef)), mul(entropy, options.entropyCoef))
  const { kl } = inputs
  const total = kl && options.klCoef !== undefined ? add(withoutKl, mul(reduceMean(kl), options.klCoef)) : withoutKl
  const approxKl = reduceMean(klEstimate(inputs.logProbs, stopGradient(inputs.targetLogProbs)))
  const clipped = clipFraction(ratio, options.clip)
  const reported = { loss: total, policyLoss: policy, valueLoss: value, entropy, kl: approxKl, clipFraction: clipped }
  return { total, policy, value, entropy, approxKl, clipFraction: clipped, metrics: reported }
}

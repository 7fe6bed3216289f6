import {
  abs,
  add,
  clip,
  div,
  exp,
  greater,
  indicator,
  maximum,
  minimum,
  mul,
  neg,
  reduceMean,
  sqrt,
  square,
  stopGradient,
  sub,
  type Operand,
  type Tensor,
} from '../tensor/index.ts'

/** All [N] float32. */
export interface PpoInputs {
  /** log pi(a_t | x_t) of the policy that learns; this, `values` and `entropy` carry the gradient. */
  readonly logProbs: Tensor
  /** Of the policy that acted. */
  readonly oldLogProbs: Tensor
  readonly advantages: Tensor
  readonly values: Tensor
  /** What the values were when the policy acted; only needed to clip the values. */
  readonly oldValues?: Tensor
  /** What the values should be. */
  readonly returns: Tensor
  readonly entropy: Tensor
  /** KL(old || new), for the penalty of section 4. */
  readonly kl?: Tensor
}

export interface PpoOptions {
  /** epsilon > 0 of the clipped surrogate. */
  readonly clip: number
  /** How far a value may move from the old one, > 0; `null`: as far as it likes. */
  readonly valueClip: number | null
  readonly valueCoef: number
  /** A number, or a scalar that is fed. */
  readonly entropyCoef: Operand
  /** Of the KL penalty; 0 if not given. */
  readonly klCoef?: Operand
}

export interface PpoLoss {
  readonly total: Tensor
  readonly policy: Tensor
  /** Half the mean squared error, without its coefficient. */
  readonly value: Tensor
  readonly entropy: Tensor
  /** mean(r - 1 - log r), r = pi / old: the low-variance estimate of KL(old || new) (Schulman 2020, http://joschu.net/blog/kl-approx.html, k3). */
  readonly approxKl: Tensor
  /** The share of steps whose ratio is outside 1 ± epsilon. */
  readonly clipFraction: Tensor
}

/**
 * Proximal policy optimization, eq. (7) and (9) of Schulman et al. 2017, arXiv:1707.06347, as means over N steps, scalars:
 * -min(r A, clip(r, 1 - eps, 1 + eps) A) + valueCoef (V - R)² / 2 - entropyCoef H + klCoef KL, r = exp(log pi - log old).
 * Clipped values, max((V - R)², (old + clip(V - old, ±valueClip) - R)²), are the reference implementation's (not in the paper).
 * No gradient flows through advantages, returns and what is old.
 */
export function ppoLoss(inputs: PpoInputs, options: PpoOptions): PpoLoss {
  const logRatio = sub(inputs.logProbs, stopGradient(inputs.oldLogProbs))
  const ratio = exp(logRatio)
  const policy = neg(reduceMean(clippedSurrogate(ratio, stopGradient(inputs.advantages), options.clip)))
  const value = mul(reduceMean(valueErrors(inputs, options.valueClip)), 0.5)
  const entropy = reduceMean(inputs.entropy)
  const withoutKl = sub(add(policy, mul(value, options.valueCoef)), mul(entropy, options.entropyCoef))
  const { kl } = inputs
  return {
    total: kl && options.klCoef !== undefined ? add(withoutKl, mul(reduceMean(kl), options.klCoef)) : withoutKl,
    policy,
    value,
    entropy,
    approxKl: reduceMean(sub(sub(ratio, 1), logRatio)),
    clipFraction: clipFraction(ratio, options.clip),
  }
}

/** min(r A, clip(r, 1 - epsilon, 1 + epsilon) A), eq. (7): what is to be made larger, of the ratio's shape. */
export const clippedSurrogate = (ratio: Tensor, advantages: Tensor, epsilon: number): Tensor =>
  minimum(mul(ratio, advantages), mul(clip(ratio, 1 - epsilon, 1 + epsilon), advantages))

/** The share of ratios outside 1 ± epsilon, a scalar. */
export const clipFraction = (ratio: Tensor, epsilon: number): Tensor =>
  reduceMean(indicator(greater(abs(sub(ratio, 1)), epsilon)))

/** (x - mean) / (standard deviation + 1e-8) over all elements, the deviation that of the population; no gradient flows through. */
export function standardized(x: Tensor): Tensor {
  const centred = sub(x, reduceMean(x))
  return stopGradient(div(centred, add(sqrt(reduceMean(square(centred))), 1e-8)))
}

function valueErrors({ values, oldValues, returns }: PpoInputs, valueClip: number | null): Tensor {
  const targets = stopGradient(returns)
  const free = square(sub(values, targets))
  if (valueClip === null || !oldValues) return free
  const old = stopGradient(oldValues)
  const limited = add(old, clip(sub(values, old), -valueClip, valueClip))
  return maximum(free, square(sub(limited, targets)))
}

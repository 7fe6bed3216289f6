import {
  type Operand,
  type Tensor,
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  greater,
  maximum,
  minimum,
  mul,
  neg,
  reduceMean,
  sqrt,
  square,
  sub,
} from '../tensor/index.ts'

/** All [N] float32. `logProbs`, `values` and `entropy` carry the gradient. */
export interface ClippedSurrogateInputs {
  readonly logProbs: Tensor
  /** Of the policy that acted. */
  readonly oldLogProbs: Tensor
  readonly advantages: Tensor
  readonly values: Tensor
  /** Before the update. */
  readonly oldValues: Tensor
  readonly returns: Tensor
  readonly entropy: Tensor
}

export interface ClippedSurrogateOptions {
  readonly clip: number
  readonly valueClip?: number | undefined
  readonly valueCoef: number
  readonly entropyCoef: Operand
  readonly klCoef: Operand
  readonly standardizeAdvantages: boolean
}

export interface ClippedSurrogateLoss {
  readonly total: Tensor
  readonly policy: Tensor
  /** Half the squared error, without its coefficient. */
  readonly value: Tensor
  readonly entropy: Tensor
  /** An estimate of KL(old || new) that is never negative: the mean of (r - 1) - log r (Schulman 2020, "k3"). */
  readonly kl: Tensor
  /** Share of the entries whose ratio is beyond the clip. */
  readonly clipFraction: Tensor
  /** All of them, by the names that they are reported under. */
  readonly metrics: Readonly<Record<string, Tensor>>
}

/**
 * The loss of PPO (Schulman et al. 2017, arXiv:1707.06347, eqs. 7 and 9), with r = pi(a) / pi_old(a):
 * -mean min(r A, clip(r, 1 ± clip) A) + valueCoef mean (v - V)² / 2 - entropyCoef H + klCoef KL.
 */
export function clippedSurrogate(
  { logProbs, oldLogProbs, values, oldValues, returns, ...inputs }: ClippedSurrogateInputs,
  options: ClippedSurrogateOptions,
): ClippedSurrogateLoss {
  const advantages = options.standardizeAdvantages ? standardized(inputs.advantages) : inputs.advantages
  const logRatio = sub(logProbs, oldLogProbs)
  const ratio = exp(logRatio)
  const limited = clip(ratio, 1 - options.clip, 1 + options.clip)
  const policy = neg(reduceMean(minimum(mul(ratio, advantages), mul(limited, advantages))))
  const { valueClip } = options
  const free = square(sub(values, returns))
  const errors =
    valueClip === undefined
      ? free
      : maximum(free, square(sub(add(oldValues, clip(sub(values, oldValues), -valueClip, valueClip)), returns)))
  const value = mul(reduceMean(errors), 0.5)
  const entropy = reduceMean(inputs.entropy)
  const kl = reduceMean(sub(sub(ratio, 1), logRatio))
  const weighted = add(mul(value, options.valueCoef), mul(kl, options.klCoef))
  const total = sub(add(policy, weighted), mul(entropy, options.entropyCoef))
  const clipFraction = reduceMean(cast(greater(abs(sub(ratio, 1)), options.clip), 'float32'))
  const metrics = { loss: total, policyLoss: policy, valueLoss: value, entropy, kl, clipFraction }
  return { total, policy, value, entropy, kl, clipFraction, metrics }
}

function standardized(x: Tensor): Tensor {
  const centred = sub(x, reduceMean(x))
  return div(centred, add(sqrt(reduceMean(square(centred))), 1e-8))
}

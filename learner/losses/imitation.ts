import {
  add,
  clip,
  exp,
  mul,
  neg,
  reciprocal,
  reduceMean,
  square,
  stopGradient,
  sub,
  type Tensor,
} from '../tensor/index.ts'

/** -mean log pi(a | x): behaviour cloning, maximum likelihood of recorded actions (Pomerleau 1989). */
export const cloningLoss = (logProbs: Tensor): Tensor => neg(reduceMean(logProbs))

export interface MarwilInputs {
  /** log pi(a | x) of recorded actions, and V(x): they carry the gradient. [N] */
  readonly logProbs: Tensor
  readonly values: Tensor
  /** Discounted returns of the recording [N]. */
  readonly returns: Tensor
  /** c, a scalar that is fed: the root of a running mean of (R - V)². */
  readonly scale: Tensor
}

export interface MarwilLoss {
  readonly total: Tensor
  readonly policy: Tensor
  /** Half the mean squared error, without its coefficient. */
  readonly value: Tensor
  /** mean((R - V)²), with which the caller moves its running mean. */
  readonly squaredAdvantage: Tensor
}

/** exp is not taken of more than this. */
const LARGEST_EXPONENT = 20

/**
 * Monotonic advantage re-weighted imitation (Wang et al. 2018, NeurIPS, algorithm 1): -mean(exp(beta (R - V) / c) log pi(a | x))
 * + valueCoef (R - V)² / 2. `beta` 0 is behaviour cloning. No gradient flows through the weight.
 */
export function marwilLoss(
  { logProbs, values, returns, scale }: MarwilInputs,
  { beta, valueCoef }: { readonly beta: number; readonly valueCoef: number },
): MarwilLoss {
  const advantages = sub(stopGradient(returns), values)
  const exponent = clip(
    mul(mul(stopGradient(advantages), beta), reciprocal(scale)),
    -LARGEST_EXPONENT,
    LARGEST_EXPONENT,
  )
  const policy = neg(reduceMean(mul(stopGradient(exp(exponent)), logProbs)))
  const squaredAdvantage = reduceMean(square(advantages))
  const value = mul(squaredAdvantage, 0.5)
  return { total: add(policy, mul(value, valueCoef)), policy, value, squaredAdvantage: stopGradient(squaredAdvantage) }
}

import { stopGradient, sub, type Operand, type Tensor } from '../tensor/index.ts'
import { actorCriticLoss, type ActorCriticLoss } from './actorCritic.ts'

/** All [N] float32. */
export interface A2cInputs {
  /** log pi(a_t | x_t); this, `values` and `entropy` carry the gradient. */
  readonly logProbs: Tensor
  readonly values: Tensor
  readonly entropy: Tensor
  /** n-step returns or A + V of generalized advantage estimation. */
  readonly returns: Tensor
  /** What multiplies log pi; returns - values if not given. */
  readonly advantages?: Tensor
}

/**
 * Advantage actor-critic (Mnih et al. 2016, arXiv:1602.01783, section 4 and algorithm S3), as means over N steps:
 * -log pi(a) (R - V) + valueCoef (R - V)² / 2 - entropyCoef H. No gradient flows through returns and advantages.
 */
export function a2cLoss(
  inputs: A2cInputs,
  options: { readonly valueCoef: number; readonly entropyCoef: Operand },
): ActorCriticLoss {
  const { returns, values, advantages = sub(returns, values) } = inputs
  return actorCriticLoss(
    { ...inputs, targets: stopGradient(returns), advantages: stopGradient(advantages) },
    { ...options, reduction: 'mean' },
  )
}

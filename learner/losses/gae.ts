import { add, mul, stopGradient, sub, type Tensor } from '../tensor/index.ts'
import { reverseLinearScan } from './linearScan.ts'

/** All [T, B] float32, time first; as in `VtraceInputs`. */
export interface GaeInputs {
  readonly rewards: Tensor
  readonly values: Tensor
  readonly nextValues: Tensor
  readonly discounts: Tensor
  readonly continues: Tensor
}

/**
 * Generalized advantage estimation, eq. (16) of Schulman et al. 2016, arXiv:1506.02438:
 * A_t = sum_(k>=0) (gamma lambda)^k delta_(t+k), delta_t = r_t + gamma V(x_(t+1)) - V(x_t); returns are A_t + V(x_t).
 * No gradient flows through the results.
 *
 * @param lambda 0 … 1
 */
export function gae(inputs: GaeInputs, lambda: number): { readonly advantages: Tensor; readonly returns: Tensor } {
  const { rewards, values, nextValues, discounts, continues } = inputs
  const errors = sub(add(rewards, mul(discounts, nextValues)), values)
  const advantages = reverseLinearScan(mul(mul(discounts, continues), lambda), errors)
  return { advantages: stopGradient(advantages), returns: stopGradient(add(advantages, values)) }
}

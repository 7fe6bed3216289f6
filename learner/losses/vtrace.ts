import { add, exp, minimum, mul, shift, stopGradient, sub, type Tensor } from '../tensor/index.ts'
import { reverseLinearScan } from './linearScan.ts'

/** All [T, B] float32, time first. */
export interface VtraceInputs {
  /** log pi(a_t | x_t) of the policy that learns. */
  readonly targetLogProbs: Tensor
  /** log mu(a_t | x_t) of the policy that acted. */
  readonly behaviourLogProbs: Tensor
  readonly rewards: Tensor
  /** V(x_t) */
  readonly values: Tensor
  /** V of the true next state: `values[t + 1]` inside an episode, that of the final observation where it was truncated. */
  readonly nextValues: Tensor
  /** gamma, and 0 where the episode terminated. */
  readonly discounts: Tensor
  /** 1, and 0 at the last step of every episode, terminated or truncated: nothing is carried back over it. */
  readonly continues: Tensor
}

export interface VtraceOptions {
  /** Cap of rho in the temporal differences, > 0; decides the fixed point. `null`: none. */
  readonly rhoBar: number | null
  /** Cap of c, > 0, at most `rhoBar`; decides the speed only. `null`: none. */
  readonly cBar: number | null
  /** Cap of rho in the policy gradient, > 0. `null`: none. */
  readonly pgRhoBar: number | null
  /** Multiplies c (remark 2 of the paper); 1 if not given. */
  readonly lambda?: number
}

export interface Vtrace {
  /** v_t, the targets of the value function. */
  readonly targets: Tensor
  /** rho_t (r_t + gamma v_(t+1) - V(x_t)), what multiplies the gradient of log pi(a_t | x_t). */
  readonly advantages: Tensor
  /** pi / mu, not capped. */
  readonly rhos: Tensor
}

/**
 * V-trace, eq. (1) of Espeholt et al. 2018, arXiv:1802.01561, with w_t = pi(a_t | x_t) / mu(a_t | x_t):
 * v_s = V(x_s) + sum_(t>=s) gamma^(t-s) (prod_(s<=i<t) c_i) delta_t, delta_t = rho_t (r_t + gamma V(x_(t+1)) - V(x_t)),
 * rho_t = min(rhoBar, w_t), c_i = lambda min(cBar, w_i). The sum is the recursion d_t = delta_t + gamma c_t d_(t+1).
 * No gradient flows through the results.
 */
export function vtrace(inputs: VtraceInputs, { rhoBar, cBar, pgRhoBar, lambda = 1 }: VtraceOptions): Vtrace {
  const { rewards, values, nextValues, discounts, continues } = inputs
  const rhos = exp(sub(inputs.targetLogProbs, inputs.behaviourLogProbs))
  const errors = sub(add(rewards, mul(discounts, nextValues)), values)
  const carried = mul(discounts, continues)
  const corrections = reverseLinearScan(
    mul(carried, mul(capped(rhos, cBar), lambda)),
    mul(capped(rhos, rhoBar), errors),
  )
  // Inside an episode v_(t+1) = V(x_(t+1)) + d_(t+1), so what the value targets add to the temporal difference is the shifted correction.
  const advantages = mul(capped(rhos, pgRhoBar), add(errors, mul(carried, shift(corrections, 1))))
  return {
    targets: stopGradient(add(values, corrections)),
    advantages: stopGradient(advantages),
    rhos: stopGradient(rhos),
  }
}

const capped = (rhos: Tensor, bar: number | null): Tensor => (bar === null ? rhos : minimum(rhos, bar))

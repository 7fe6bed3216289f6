import {
  abs,
  add,
  minimum,
  mul,
  neg,
  reduceMean,
  square,
  stopGradient,
  sub,
  type Operand,
  type Tensor,
} from '../tensor/index.ts'
import { weightedMean } from './dqn.ts'

export interface SoftTargetInputs {
  /** Of the two target critics, at an action drawn in the next state: [N]. */
  readonly nextQ1: Tensor
  readonly nextQ2: Tensor
  /** Its log-probability [N]. */
  readonly nextLogProbs: Tensor
  readonly rewards: Tensor
  /** gamma, and 0 where the episode terminated: [N]. */
  readonly discounts: Tensor
  /** Temperature, a number or a scalar. */
  readonly alpha: Operand
}

/**
 * r + gamma (min(Q1', Q2') - alpha log pi(a' | x')), eq. (2), (3) and (7) of Haarnoja et al. 2018, arXiv:1812.05905: [N], no gradient.
 */
export function softTargets(inputs: SoftTargetInputs): Tensor {
  const soft = sub(minimum(inputs.nextQ1, inputs.nextQ2), mul(inputs.nextLogProbs, inputs.alpha))
  return stopGradient(add(inputs.rewards, mul(inputs.discounts, soft)))
}

/**
 * mean((Q1 - y)² + (Q2 - y)²): twice eq. (5) of arXiv:1812.05905, as its implementations have it. One critic is a list of one.
 *
 * @param critics Q(x, a), [N] each
 * @param targets [N]
 * @returns the weighted mean, and |Q - y| averaged over the critics [N], for priorities
 */
export function criticLoss(
  critics: readonly Tensor[],
  targets: Tensor,
  weights?: Tensor,
): { readonly total: Tensor; readonly errors: Tensor } {
  const aims = stopGradient(targets)
  const apart = critics.map((q) => sub(q, aims))
  const rows = apart.map(square).reduce((sum, x) => add(sum, x))
  const sizes = apart.map(abs).reduce((sum, x) => add(sum, x))
  return { total: weightedMean(rows, weights), errors: stopGradient(mul(sizes, 1 / critics.length)) }
}

/**
 * mean(alpha log pi(a | x) - min(Q1, Q2)(x, a)), eq. (9) of arXiv:1812.05905, with a drawn so that the gradient flows through it. The
 * critics' weights are not among what this loss is differentiated by.
 */
export const softActorLoss = (logProbs: Tensor, q: readonly [Tensor, Tensor], alpha: Operand): Tensor =>
  reduceMean(sub(mul(logProbs, alpha), minimum(...q)))

/**
 * -mean(log alpha (log pi + H)), the form of eq. (18) of arXiv:1812.05905 that its implementations use: its gradient keeps its size
 * when alpha is small.
 *
 * @param logAlpha a scalar that carries the gradient
 * @param logProbs [N]; no gradient flows through it
 * @param targetEntropy H, minus the dimensions of an action for instance
 */
export const temperatureLoss = (logAlpha: Tensor, logProbs: Tensor, targetEntropy: number): Tensor =>
  neg(mul(logAlpha, stopGradient(reduceMean(add(logProbs, targetEntropy)))))

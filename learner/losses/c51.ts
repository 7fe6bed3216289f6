import {
  abs,
  add,
  clip,
  constant,
  expandLast,
  float32,
  logSoftmax,
  maximum,
  mul,
  neg,
  oneHot,
  reduceSum,
  reshape,
  softmax,
  stopGradient,
  sub,
  where,
  type Dim,
  type Tensor,
} from '../tensor/index.ts'
import { weightedMean } from './dqn.ts'

/** Returns that a distribution is over: `atoms` of them, evenly from `low` to `high`. */
export interface Support {
  readonly low: number
  readonly high: number
  /** >= 2 */
  readonly atoms: number
}

const step = ({ low, high, atoms }: Support): number => (high - low) / (atoms - 1)

const valuesOf = (support: Support): Tensor =>
  constant(float32(Float32Array.from({ length: support.atoms }, (_, i) => support.low + i * step(support))))

/** Means of distributions: logits [..., atoms] to [...]. */
export const expectedReturns = (logits: Tensor, support: Support): Tensor =>
  reduceSum(mul(softmax(logits), valuesOf(support)), { axes: [-1] })

/** Rows [N, atoms] of the actions taken, of [N, A, atoms] and int32 [N]. */
export function atomsOf(x: Tensor, actions: Tensor): Tensor {
  return reduceSum(where(expandLast(oneHot(actions, x.shape[1] as number)), x, 0), { axes: [1] })
}

/**
 * The projection of r + gamma z onto the support, algorithm 1 of Bellemare et al. 2017, arXiv:1707.06887: an atom gets
 * sum_j p_j max(0, 1 - |clip(r + gamma z_j) - z_i| / dz).
 *
 * @param next `probabilities` [N, atoms] in the next state of the action chosen there; `rewards`, `discounts` [N] as in `qTargets`
 * @returns [N, atoms], no gradient
 */
export function projectedTargets(
  next: { readonly probabilities: Tensor; readonly rewards: Tensor; readonly discounts: Tensor },
  support: Support,
): Tensor {
  const z = valuesOf(support)
  const moved = clip(add(expandLast(next.rewards), mul(expandLast(next.discounts), z)), support.low, support.high)
  const distance = mul(abs(sub(expandLast(moved), z)), 1 / step(support)) // [N, j, i]
  const share = maximum(sub(1, distance), 0)
  return stopGradient(reduceSum(mul(expandLast(next.probabilities), share), { axes: [1] }))
}

/**
 * Cross-entropy -sum_i m_i log p_i(x, a), algorithm 1 of Bellemare et al. 2017, as a weighted mean over rows.
 *
 * @param inputs `logits` [N, atoms] of the actions taken; `targets` [N, atoms]; importance `weights` [N]
 * @returns the mean, and each row's cross-entropy [N], which is its priority in Rainbow (arXiv:1710.02298)
 */
export function c51Loss(inputs: { readonly logits: Tensor; readonly targets: Tensor; readonly weights?: Tensor }): {
  readonly total: Tensor
  readonly rows: Tensor
} {
  const rows = neg(reduceSum(mul(stopGradient(inputs.targets), logSoftmax(inputs.logits)), { axes: [-1] }))
  return { total: weightedMean(rows, inputs.weights), rows: stopGradient(rows) }
}

/** A flat output [N, A atoms] as [N, A, atoms]. */
export const byAction = (x: Tensor, atoms: number): Tensor =>
  reshape(x, [x.shape[0] as Dim, (x.shape[1] as number) / atoms, atoms])

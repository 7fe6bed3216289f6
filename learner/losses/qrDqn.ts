import {
  abs,
  constant,
  expandLast,
  float32,
  indicator,
  less,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  stopGradient,
  sub,
  type Dim,
  type Tensor,
} from '../tensor/index.ts'
import { weightedMean } from './dqn.ts'
import { huber } from './huber.ts'

export interface QrDqnInputs {
  /** Quantiles of the actions taken [N, K]: carries the gradient. */
  readonly quantiles: Tensor
  /** r + gamma times the next state's quantiles [N, K']; no gradient flows through it. */
  readonly targets: Tensor
  /** Importance weights [N]; 1 if not given. */
  readonly weights?: Tensor
}

/**
 * The quantile Huber loss, eq. (10) and algorithm 1 of Dabney et al. 2018, arXiv:1710.10044: a row is
 * sum_i mean_j |tau_i - 1(u_ij < 0)| L(u_ij), u_ij = target_j - quantile_i, tau_i = (i + 1/2) / K, L the Huber loss at kappa.
 *
 * @param options `kappa` > 0; `divided`: by kappa, as IQN (arXiv:1806.06923, eq. 3) and later papers have it; not if not given
 * @returns the weighted mean over rows, and the rows [N]
 */
export function qrDqnLoss(
  { quantiles, targets, weights }: QrDqnInputs,
  { kappa, divided = false }: { readonly kappa: number; readonly divided?: boolean },
): { readonly total: Tensor; readonly rows: Tensor } {
  const count = quantiles.shape[1] as number
  const levels = Float32Array.from({ length: count }, (_, i) => (i + 0.5) / count)
  const tau = constant(float32(levels, [count, 1]))
  const aims = reshape(stopGradient(targets), [targets.shape[0] as Dim, 1, targets.shape[1] as Dim])
  const apart = sub(aims, expandLast(quantiles)) // [N, i, j]
  const slope = abs(sub(tau, indicator(less(apart, 0))))
  const all = mul(mul(stopGradient(slope), huber(apart, kappa)), divided ? 1 / kappa : 1)
  const rows = reduceSum(reduceMean(all, { axes: [2] }), { axes: [1] })
  return { total: weightedMean(rows, weights), rows: stopGradient(rows) }
}

import {
  type Tensor,
  add,
  constantInit,
  div,
  mul,
  parameter,
  reduceMean,
  square,
  sub,
  zerosInit,
} from '../tensor/index.ts'
import { normalized } from './normalized.ts'

/** Mean and variance of every number of an observation so far, as parameters of a set. */
export interface ObservationStats {
  readonly parameters: readonly Tensor[]
  /** Observations [N, ...shape] with mean 0 and variance 1, limited to ±10. No gradient flows through the statistics. */
  normalize(observations: Tensor): Tensor
  /** What the parameters are once these observations, [N, ...shape] with a fixed N, have been seen too. */
  seen(observations: Tensor): readonly (readonly [parameter: Tensor, value: Tensor])[]
}

/**
 * Running statistics of observations of one shape. Two sets of rows are put together as in Chan, Golub and LeVeque 1983, eq. 2.1, so it does
 * not matter which stream they come from. Before the first rows they change nothing.
 */
export function observationStats(shape: readonly number[]): ObservationStats {
  const count = parameter('observations.count', [1], zerosInit)
  const mean = parameter('observations.mean', shape, zerosInit)
  const variance = parameter('observations.variance', shape, constantInit(1))
  return {
    parameters: [count, mean, variance],
    normalize: (observations) => normalized(observations, { mean, variance }),
    seen: (observations) => {
      const rows = Number(observations.shape[0])
      const theirs = reduceMean(observations, { axes: [0] })
      const spread = reduceMean(square(sub(observations, theirs)), { axes: [0] })
      const total = add(count, rows)
      const share = div(rows, total)
      const apart = sub(theirs, mean)
      const together = add(
        add(variance, mul(sub(spread, variance), share)),
        mul(square(apart), mul(share, sub(1, share))),
      )
      return [
        [count, total],
        [mean, add(mean, mul(apart, share))],
        [variance, together],
      ]
    },
  }
}

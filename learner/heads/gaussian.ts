import {
  add,
  clip,
  concat,
  constantInit,
  exp,
  expandAs,
  graphError,
  mul,
  parameter,
  reduceSum,
  reshape,
  split,
  square,
  sub,
  type Tensor,
} from '../tensor/index.ts'
import type { Head } from './head.ts'

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI)

export interface GaussianOptions {
  /** Dimensions D of an action. */
  readonly dimensions: number
  /**
   * `shared`: one log standard deviation a dimension, a weight of the head, the same in every state (as PPO's references have it).
   * `network`: the network gives it for every state.
   */
  readonly logStd: 'shared' | 'network'
  /** At the start, or added to what the network gives; 0 if not given. */
  readonly initialLogStd?: number
  /** Between which it is limited; not limited if not given. */
  readonly logStdRange?: readonly [number, number]
  /** Of the head's weight, before `.log_std`; `policy` if not given. */
  readonly name?: string
}

/**
 * Numbers with independent normal distributions (Williams 1992, section 6). P = 2 D: D means, then D log standard deviations.
 * Drawn: float32 [N, D], not limited; what leaves a box is clipped where an env is stepped, and the log-probability stays that of the draw.
 *
 * @throws MillraceError E_GRAPH unless D is an integer >= 1
 */
export function gaussianHead(options: GaussianOptions): Head {
  const { dimensions, logStd, initialLogStd = 0, logStdRange, name = 'policy' } = options
  if (!Number.isInteger(dimensions) || dimensions < 1)
    throw graphError('gaussianHead', `wants at least one dimension, got ${dimensions}`)
  const own = logStd === 'shared' ? [parameter(`${name}.log_std`, [dimensions], constantInit(initialLogStd))] : []
  const limited = (x: Tensor): Tensor => (logStdRange ? clip(x, ...logStdRange) : x)
  return {
    kind: 'gaussian',
    outputs: logStd === 'shared' ? dimensions : 2 * dimensions,
    size: 2 * dimensions,
    axis: 1,
    parameters: own,
    noise: { kind: 'normal', size: dimensions },
    drawn: { dtype: 'float32', shape: [dimensions] },
    params: (outputs) => {
      const [shared] = own
      if (shared) return concat([outputs, expandAs(reshape(limited(shared), [1, dimensions]), outputs)], 1)
      if (!logStdRange && initialLogStd === 0) return outputs
      const { mean, logStd: raw } = gaussianOf(outputs)
      return concat([mean, limited(add(raw, initialLogStd))], 1)
    },
    mask: null,
    logProb: gaussianLogProb,
    entropy: gaussianEntropy,
    kl: gaussianKl,
    mode: (params) => gaussianOf(params).mean,
    sample: gaussianSample,
    action: (drawn) => drawn,
  }
}

/** Means and log standard deviations, [N, D] each. */
export function gaussianOf(params: Tensor): { readonly mean: Tensor; readonly logStd: Tensor } {
  const half = (params.shape.at(-1) as number) / 2
  const [mean, logStd] = split(params, [half, half], 1) as [Tensor, Tensor]
  return { mean, logStd }
}

const overDimensions = (x: Tensor): Tensor => reduceSum(x, { axes: [-1] })

/** sum_d -z_d² / 2 - log sigma_d - log(2 pi) / 2, z = (x - mu) / sigma: [N] */
export function gaussianLogProb(params: Tensor, drawn: Tensor): Tensor {
  const { mean, logStd } = gaussianOf(params)
  return densityOf(mul(sub(drawn, mean), exp(mul(logStd, -1))), logStd)
}

/** sum_d log sigma_d + log(2 pi e) / 2: [N] */
export function gaussianEntropy(params: Tensor): Tensor {
  return overDimensions(add(gaussianOf(params).logStd, HALF_LOG_TWO_PI + 0.5))
}

/** sum_d log(s2 / s1) + (s1² + (m1 - m2)²) / (2 s2²) - 1/2, of (m1, s1) before and (m2, s2) after: [N] */
export function gaussianKl(before: Tensor, after: Tensor): Tensor {
  const [p, q] = [gaussianOf(before), gaussianOf(after)]
  const apart = sub(p.logStd, q.logStd)
  const shift = square(mul(sub(p.mean, q.mean), exp(mul(q.logStd, -1))))
  return overDimensions(sub(mul(add(exp(mul(apart, 2)), shift), 0.5), add(apart, 0.5)))
}

/** mu + sigma noise, through which the gradient flows, and its log-probability, in which z is the noise itself. */
export function gaussianSample(params: Tensor, noise: Tensor): { readonly drawn: Tensor; readonly logProb: Tensor } {
  const { mean, logStd } = gaussianOf(params)
  return { drawn: add(mean, mul(exp(logStd), noise)), logProb: densityOf(noise, logStd) }
}

const densityOf = (z: Tensor, logStd: Tensor): Tensor =>
  overDimensions(sub(mul(square(z), -0.5), add(logStd, HALF_LOG_TWO_PI)))

import {
  abs,
  add,
  clip,
  constant,
  exp,
  expandLast,
  float32,
  log,
  mul,
  reduceSum,
  softplus,
  sub,
  tanh,
  type Tensor,
} from '../tensor/index.ts'
import {
  gaussianEntropy,
  gaussianHead,
  gaussianKl,
  gaussianLogProb,
  gaussianOf,
  gaussianSample,
  type GaussianOptions,
} from './gaussian.ts'
import type { Head } from './head.ts'

/** As SAC's reference implementation limits it. */
const LOG_STD_RANGE = [-20, 2] as const

/**
 * tanh of a normal draw (Haarnoja et al. 2018, arXiv:1801.01290, appendix C). P = 2 D as `gaussianHead`.
 * Drawn: u, float32 [N, D], before tanh. A batch keeps u, because near ±1 tanh cannot be undone in float32; the action is tanh(u) in [-1, 1].
 */
export function squashedGaussianHead(options: GaussianOptions): Head {
  const gaussian = gaussianHead({ logStdRange: LOG_STD_RANGE, ...options })
  return {
    ...gaussian,
    kind: 'squashedGaussian',
    logProb: (params, drawn) => sub(gaussianLogProb(params, drawn), logSlope(drawn)),
    entropy: (params) => add(gaussianEntropy(params), meanLogSlope(params)),
    // tanh is one to one, so it changes no divergence.
    kl: gaussianKl,
    sample: (params, noise) => {
      const { drawn, logProb } = gaussianSample(params, noise)
      return { drawn, logProb: sub(logProb, logSlope(drawn)) }
    },
    action: tanh,
  }
}

/**
 * sum_d log(1 - tanh²(u_d)) = sum_d 2 (log 2 - |u_d| - softplus(-2 |u_d|)), eq. (21) of appendix C, in a form that does not take the
 * logarithm of a difference near 0: [N]
 */
function logSlope(drawn: Tensor): Tensor {
  return reduceSum(logSlopes(drawn), { axes: [-1] })
}

function logSlopes(u: Tensor): Tensor {
  const size = abs(u)
  return mul(sub(Math.LN2, add(size, softplus(mul(size, -2)))), 2)
}

/** From -6 to 6 standard deviations. */
const NODES = Array.from({ length: 49 }, (_, i) => (i - 24) / 4)

/**
 * The mean of `logSlope` over the distribution, which has no closed form: by the trapezoidal rule, whose error falls exponentially
 * for a smooth function under a normal density (under 1e-6 for sigma up to 2): [N]
 */
function meanLogSlope(params: Tensor): Tensor {
  const density = NODES.map((z) => Math.exp(-0.5 * z * z))
  const total = density.reduce((sum, d) => sum + d, 0)
  const { mean, logStd } = gaussianOf(params)
  const at = constant(float32(NODES))
  const weights = constant(float32(density.map((d) => d / total)))
  const slopes = logSlopes(add(expandLast(mean), mul(expandLast(exp(logStd)), at)))
  return reduceSum(mul(slopes, weights), { axes: [1, 2] })
}

/**
 * The draws behind actions in [-1, 1] that were recorded without them: atanh(a), with a limited to ±(1 - 1e-6). Near ±1 the draw is
 * lost to rounding, so this is for recorded data only. [N, D]
 */
export function unsquash(actions: Tensor): Tensor {
  const inside = clip(actions, -(1 - 1e-6), 1 - 1e-6)
  return mul(sub(log(add(inside, 1)), log(sub(1, inside))), 0.5)
}

import type { Tensor } from '../graph.ts'
import { add, div, mul, square, sub } from '../ops/arithmetic.ts'
import { sqrt } from '../ops/unary.ts'
import type { Optimizer } from './optimizer.ts'

export interface RmsPropConfig {
  readonly kind: 'rmsprop'
  /** Of the running mean of squares; 0.99 if not given. */
  readonly decay?: number
  /** 1e-8 if not given. */
  readonly epsilon?: number
  /** Where epsilon goes: outside the root as torch has it (the default), or inside as TensorFlow has it. */
  readonly epsilonInside?: boolean
  /** 0 if not given. */
  readonly momentum?: number
  /** Take the squared running mean off the mean of squares (Graves 2013, arXiv:1308.0850, eq. 38-45). */
  readonly centered?: boolean
}

/**
 * RMSProp (Tieleman and Hinton 2012, lecture 6.5).
 * s = d s + (1 - d) g²; w -= lr g / (sqrt(s) + epsilon); with momentum: b = mu b + g / (sqrt(s) + epsilon); w -= lr b.
 */
export function rmsProp({
  decay = 0.99,
  epsilon = 1e-8,
  epsilonInside = false,
  momentum = 0,
  centered = false,
}: RmsPropConfig): Optimizer {
  return {
    slots: ['square', ...(centered ? ['mean'] : []), ...(momentum > 0 ? ['momentum'] : [])],
    update: ({ weights, gradient, slots, learningRate }) => {
      const running = (before: Tensor, now: Tensor) => add(mul(before, decay), mul(now, 1 - decay))
      const s = running(slots[0] as Tensor, square(gradient))
      const mean = centered ? [running(slots[1] as Tensor, gradient)] : []
      const spread = mean[0] ? sub(s, square(mean[0])) : s
      const scaled = div(gradient, epsilonInside ? sqrt(add(spread, epsilon)) : add(sqrt(spread), epsilon))
      if (momentum === 0) return { weights: sub(weights, mul(scaled, learningRate)), slots: [s, ...mean] }
      const buffer = add(mul(slots.at(-1) as Tensor, momentum), scaled)
      return { weights: sub(weights, mul(buffer, learningRate)), slots: [s, ...mean, buffer] }
    },
  }
}

import type { Tensor } from '../graph.ts'
import { add, mul, sub } from '../ops/arithmetic.ts'
import type { Optimizer } from './optimizer.ts'

export interface SgdConfig {
  readonly kind: 'sgd'
  /** 0 if not given. */
  readonly momentum?: number
  /** Look ahead: step by g + mu b (Sutskever et al. 2013). */
  readonly nesterov?: boolean
}

/** Stochastic gradient descent: b = mu b + g; w -= lr b. */
export function sgd({ momentum = 0, nesterov = false }: SgdConfig): Optimizer {
  return {
    slots: momentum > 0 ? ['momentum'] : [],
    update: ({ weights, gradient, slots: [before], learningRate }) => {
      if (momentum === 0) return { weights: sub(weights, mul(gradient, learningRate)), slots: [] }
      const buffer = add(mul(before as Tensor, momentum), gradient)
      const direction = nesterov ? add(gradient, mul(buffer, momentum)) : buffer
      return { weights: sub(weights, mul(direction, learningRate)), slots: [buffer] }
    },
  }
}

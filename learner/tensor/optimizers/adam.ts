import type { Operand, Tensor } from '../graph.ts'
import { add, div, mul, neg, square, sub } from '../ops/arithmetic.ts'
import { cast } from '../ops/logic.ts'
import { exp, sqrt, tanh } from '../ops/unary.ts'
import type { Optimizer } from './optimizer.ts'

export interface AdamConfig {
  readonly kind: 'adam' | 'adamw'
  /** 0.9 if not given. */
  readonly beta1?: number
  /** 0.999 if not given. */
  readonly beta2?: number
  /** Added to the root of the second moment; 1e-8 if not given. */
  readonly epsilon?: number
  /** AdamW: taken off the weights, times the learning rate, before the step; 0.01 if not given. Adam: added to the gradient, times the weights; 0 if not given. */
  readonly weightDecay?: number
}

/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) and AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2).
 * m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 */
export function adam({
  kind,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = kind === 'adamw' ? 0.01 : 0,
}: AdamConfig): Optimizer {
  return {
    slots: ['mean', 'square'],
    update: ({ weights, gradient, slots: [mean, second], step, learningRate }) => {
      const t = cast(step, 'float32')
      const g = kind === 'adam' ? addScaled(gradient, weights, weightDecay) : gradient
      const m = add(mul(mean as Tensor, beta1), mul(g, 1 - beta1))
      const v = add(mul(second as Tensor, beta2), mul(square(g), 1 - beta2))
      const root = sqrt(biasCorrection(beta2, t))
      // The corrections are scalars: sqrt(v / c2) + epsilon = (sqrt(v) + epsilon sqrt(c2)) / sqrt(c2), so no vector is divided twice.
      const rate = div(mul(root, learningRate), biasCorrection(beta1, t))
      const moved = mul(div(m, add(sqrt(v), mul(root, epsilon))), rate)
      const decayed = kind === 'adamw' ? mul(weights, sub(1, mul(scalarOf(learningRate, t), weightDecay))) : weights
      return { weights: sub(decayed, moved), slots: [m, v] }
    },
  }
}

/** 1 - beta^t = -tanh(x / 2) (exp(x) + 1) with x = t ln(beta): without the cancellation that float32 would suffer for small t. */
function biasCorrection(beta: number, t: Tensor): Tensor {
  const x = mul(t, Math.log(beta))
  return neg(mul(tanh(mul(x, 0.5)), add(exp(x), 1)))
}

const addScaled = (g: Tensor, weights: Tensor, decay: number): Tensor => (decay === 0 ? g : add(g, mul(weights, decay)))

const scalarOf = (x: Operand, like: Tensor): Tensor => (typeof x === 'number' ? add(mul(like, 0), x) : x)

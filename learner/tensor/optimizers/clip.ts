import type { Tensor } from '../graph.ts'
import { div, minimum, mul, square, add } from '../ops/arithmetic.ts'
import { reduceSum } from '../ops/reduce.ts'
import { sqrt } from '../ops/unary.ts'

/** Euclidean norm over all elements, a scalar. */
export const globalNorm = (x: Tensor): Tensor => sqrt(reduceSum(square(x)))

/** `gradient` times min(1, maxNorm / (norm + 1e-6)), as torch's `clip_grad_norm_` (Pascanu et al. 2013, algorithm 1). */
export const clipByNorm = (gradient: Tensor, norm: Tensor, maxNorm: number): Tensor =>
  mul(gradient, minimum(div(maxNorm, add(norm, 1e-6)), 1))

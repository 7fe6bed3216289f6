import { abs, minimum, mul, sub, square, type Tensor } from '../tensor/index.ts'

/**
 * x² / 2 for |x| <= kappa, else kappa (|x| - kappa / 2) (Huber 1964), element by element: m (|x| - m / 2) with m = min(|x|, kappa).
 *
 * @param kappa > 0
 */
export function huber(x: Tensor, kappa: number): Tensor {
  const size = abs(x)
  const inside = minimum(size, kappa)
  return sub(mul(inside, size), mul(square(inside), 0.5))
}

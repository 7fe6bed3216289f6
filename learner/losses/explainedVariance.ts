import { type Tensor, add, div, reduceMean, square, stopGradient, sub } from '../tensor/index.ts'

/** 1 - Var(target - value) / Var(target): 1 where values are right, 0 or less where a constant would do as well. */
export function explainedVariance(targets: Tensor, values: Tensor): Tensor {
  const variance = (x: Tensor) => reduceMean(square(sub(x, reduceMean(x))))
  return sub(1, div(variance(sub(targets, stopGradient(values))), add(variance(targets), 1e-8)))
}

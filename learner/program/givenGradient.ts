import { type Tensor, layoutOf, reduceMean, reshape, split } from '../tensor/index.ts'
import { column } from './names.ts'

/** What F fragments bring whose gradients were computed at their source. */
export interface GivenGradient {
  /** [P]: the mean over the fragments, in the order in which they are given. */
  readonly gradient: Tensor
  /** By name, likewise. */
  readonly metrics: Readonly<Record<string, Tensor>>
}

/**
 * @param parameters of the set that the gradient is of
 * @param metrics of the graph that gave it, as it has them
 */
export function givenGradient(
  parameters: readonly Tensor[],
  metrics: Readonly<Record<string, unknown>>,
): GivenGradient {
  const names = Object.keys(metrics)
  const mean = (name: string, size: number) => reduceMean(column(name, ['F', size]), { axes: [0] })
  const numbers = split(
    mean('metrics', names.length),
    names.map(() => 1),
  )
  return {
    gradient: mean('gradient', layoutOf(parameters).size),
    metrics: Object.fromEntries(names.map((name, i) => [name, reshape(numbers[i] as Tensor, [])])),
  }
}

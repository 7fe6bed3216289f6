import {
  type Tensor,
  add,
  clip,
  constantInit,
  div,
  equal,
  indicator,
  maximum,
  mul,
  parameter,
  scalar,
  sqrt,
  square,
  stopGradient,
  sub,
  zerosInit,
} from '../tensor/index.ts'
import type { OutputLayer } from './network.ts'

/** What a batch of value targets adds at least: after about a hundred updates only the newest ones count. */
const LEAST_SHARE = 0.03
/** Of the deviation (van Hasselt et al. 2016, section 3). */
const LEAST_DEVIATION = 1e-4
const MOST_DEVIATION = 1e6

/** Mean and standard deviation of value targets, so that a network learns values of size 1 whatever the size of the rewards. */
export interface ValueScale {
  readonly parameters: readonly Tensor[]
  /** What the network gives, as values of the size that returns have. */
  restore(given: Tensor): Tensor
  /** The other way round. */
  normalize(values: Tensor): Tensor
  /** Differences of values, as advantages are. */
  shrink(differences: Tensor): Tensor
  /**
   * What the parameters are once targets of this mean and variance, each [], have been seen. The layer that gives the values is changed with
   * them, so that `restore` gives what it gave; not the first time, when it knows nothing yet.
   */
  seen(
    targets: { readonly mean: Tensor; readonly variance: Tensor },
    layer?: OutputLayer,
  ): readonly (readonly [parameter: Tensor, value: Tensor])[]
}

/** PopArt (van Hasselt et al. 2016, arXiv:1602.07714, section 2; Hessel et al. 2019, arXiv:1809.04474, for actor and critic). */
export function valueScale(): ValueScale {
  const count = parameter('values.count', [1], zerosInit)
  const mean = parameter('values.mean', [1], zerosInit)
  const variance = parameter('values.variance', [1], constantInit(1))
  const centre = stopGradient(mean)
  const size = stopGradient(deviation(variance))
  return {
    parameters: [count, mean, variance],
    restore: (given) => add(mul(given, size), centre),
    normalize: (values) => div(sub(values, centre), size),
    shrink: (differences) => div(differences, size),
    seen: (targets, layer) => {
      const share = maximum(div(scalar(1), add(count, 1)), LEAST_SHARE)
      const apart = sub(targets.mean, mean)
      const nextMean = add(mean, mul(apart, share))
      const spread = add(variance, mul(sub(targets.variance, variance), share))
      const nextVariance = add(spread, mul(square(apart), mul(share, sub(1, share))))
      const kept = layer ? preserved(layer, { mean, variance }, { mean: nextMean, variance: nextVariance }, count) : []
      return [[count, add(count, 1)], [mean, nextMean], [variance, nextVariance], ...kept]
    },
  }
}

interface Scale {
  readonly mean: Tensor
  readonly variance: Tensor
}

/** The weights of a layer by which it gives under the new scale what it gave under the old one. */
function preserved(
  { weight, bias }: OutputLayer,
  from: Scale,
  to: Scale,
  count: Tensor,
): readonly (readonly [Tensor, Tensor])[] {
  const isFirst = indicator(equal(count, 0))
  const unless = (first: Tensor, then: Tensor) => add(mul(first, isFirst), mul(then, sub(1, isFirst)))
  const ratio = div(deviation(from.variance), deviation(to.variance))
  const moved = add(mul(bias, ratio), div(sub(from.mean, to.mean), deviation(to.variance)))
  return [
    [weight, unless(weight, mul(weight, ratio))],
    [bias, unless(bias, moved)],
  ]
}

const deviation = (variance: Tensor): Tensor => clip(sqrt(variance), LEAST_DEVIATION, MOST_DEVIATION)

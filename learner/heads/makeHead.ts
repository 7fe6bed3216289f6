import type { HeadKind } from '../../shared/policy/headKind.ts'
import { categoricalHead } from './categorical.ts'
import { deterministicHead } from './deterministic.ts'
import { gaussianHead, type GaussianOptions } from './gaussian.ts'
import type { Head } from './head.ts'
import { multiDiscreteHead } from './multiDiscrete.ts'
import { squashedGaussianHead } from './squashedGaussian.ts'

/** What a head of each kind is made from, as plain data. */
export interface HeadConfigs {
  readonly categorical: { readonly actions: number }
  readonly multiDiscrete: { readonly choices: readonly number[] }
  readonly gaussian: GaussianOptions
  readonly squashedGaussian: GaussianOptions
  readonly deterministic: { readonly dimensions: number }
}

/** A kind without its maker does not compile. */
const MAKERS: { readonly [K in HeadKind]: (config: HeadConfigs[K]) => Head } = {
  categorical: ({ actions }) => categoricalHead(actions),
  multiDiscrete: ({ choices }) => multiDiscreteHead(choices),
  gaussian: gaussianHead,
  squashedGaussian: squashedGaussianHead,
  deterministic: ({ dimensions }) => deterministicHead(dimensions),
}

/** A head by its kind. @throws MillraceError E_GRAPH if its sizes make no sense */
export const makeHead = <K extends HeadKind>(kind: K, config: HeadConfigs[K]): Head => MAKERS[kind](config)

import type { ActionRandom, ActionSampler } from './actionSampler.ts'
import { CategoricalSampler } from './categorical.ts'
import { DeterministicSampler } from './deterministic.ts'
import { GaussianSampler } from './gaussian.ts'
import type { HeadKind } from './headKind.ts'
import { MultiDiscreteSampler } from './multiDiscrete.ts'
import { SquashedGaussianSampler } from './squashedGaussian.ts'

/** What a sampler of each kind is made from. */
export interface SamplerSizes {
  readonly categorical: { readonly actions: number }
  readonly multiDiscrete: { readonly choices: readonly number[] }
  readonly gaussian: { readonly dimensions: number }
  readonly squashedGaussian: { readonly dimensions: number }
  readonly deterministic: { readonly dimensions: number; readonly noise?: number }
}

interface SamplerOf {
  readonly categorical: ActionSampler<Int32Array>
  readonly multiDiscrete: ActionSampler<Int32Array>
  readonly gaussian: ActionSampler<Float32Array>
  readonly squashedGaussian: ActionSampler<Float32Array>
  readonly deterministic: ActionSampler<Float32Array>
}

/** A kind without its sampler does not compile. */
const MAKERS: { readonly [K in HeadKind]: (sizes: SamplerSizes[K], random: ActionRandom) => SamplerOf[K] } = {
  categorical: ({ actions }, random) => new CategoricalSampler(actions, random),
  multiDiscrete: ({ choices }, random) => new MultiDiscreteSampler(choices, random),
  gaussian: ({ dimensions }, random) => new GaussianSampler(dimensions, random),
  squashedGaussian: ({ dimensions }, random) => new SquashedGaussianSampler(dimensions, random),
  deterministic: ({ dimensions, noise }, random) => new DeterministicSampler(dimensions, random, noise),
}

/** A sampler by its kind. */
export const makeSampler = <K extends HeadKind>(kind: K, sizes: SamplerSizes[K], random: ActionRandom): SamplerOf[K] =>
  MAKERS[kind](sizes, random)

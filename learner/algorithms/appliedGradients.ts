import type { z } from 'zod'
import { type ProgramDescription, givenGradient } from '../program/index.ts'
import type { OptimizerConfig, Tensor } from '../tensor/index.ts'
import type { ActorCritic, LOSS_SETTINGS } from './actorCritic.ts'

/** What functions take the gradient of. */
export interface SourceLoss {
  /** What their graph is called. */
  readonly graph: string
  /** Float32 []. */
  readonly loss: Tensor
  readonly metrics: Readonly<Record<string, Tensor>>
  readonly optimizer: OptimizerConfig
}

/** The program of an algorithm whose functions give the gradients: their graph, and one that applies the mean of those that came. */
export function appliedGradients(
  network: Pick<ActorCritic, 'parameters' | 'published'>,
  { graph, loss, metrics, optimizer }: SourceLoss,
  { maxGradNorm, rewardScale }: Pick<z.output<z.ZodObject<typeof LOSS_SETTINGS>>, 'maxGradNorm' | 'rewardScale'>,
): ProgramDescription {
  const given = givenGradient(network.parameters, metrics)
  return {
    sets: { policy: network.parameters },
    graphs: {
      [graph]: { gradients: { gradient: { of: 'policy', loss } }, metrics },
      apply: {
        minimise: { policy: { gradient: given.gradient, optimizer, maxGradNorm } },
        metrics: given.metrics,
      },
    },
    calls: { update: [{ run: 'apply' }] },
    policies: { default: { sets: ['policy'], ...network.published } },
    rewardScale,
  }
}

import { MAX_LEASES } from '../../shared/protocol/invocation.ts'
import type { RolloutSettings } from '../experiment.ts'

/**
 * How many functions work on a run's shards: what the user says, else one for each shard, as far as the cloud has them. What is learned
 * does not depend on it.
 *
 * @param concurrency functions that the cloud has at once, where that is known
 */
export function functionsOf(
  { shards, functions }: Pick<RolloutSettings, 'shards' | 'functions'>,
  concurrency = Number.POSITIVE_INFINITY,
): number {
  return Math.max(Math.ceil(shards / MAX_LEASES), functions ?? Math.min(shards, concurrency))
}

/** Which of so many functions works on a shard: shards that lie together, the same number for each as nearly as can be. */
export const functionOf = (shard: number, { shards, functions }: { shards: number; functions: number }): number =>
  Math.floor((shard * functions) / shards)

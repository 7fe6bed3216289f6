import type { SampleBatch } from '../shared/batch/sampleBatch.ts'
import { type ShardedSource, resource } from './flow/index.ts'
import type { Learner } from './training/learner.ts'
import type { Publisher } from './publish/publisher.ts'
import type { RunState } from './run/state.ts'

// The resources that operators use. The service provides all of them when it runs a plan.

/** Fragments of every shard, sampled by functions. */
export const rolloutSource = resource<ShardedSource<SampleBatch>>('rollouts')
/** Network, loss and optimizer. */
export const learner = resource<Learner>('learner')
/** Where policies go. */
export const publisher = resource<Publisher>('publisher')
/** Clocks, episodes and accounts of the run. */
export const runState = resource<RunState>('runState')

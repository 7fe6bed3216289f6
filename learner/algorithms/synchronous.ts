import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { PlanSetting } from '../algorithm.ts'
import type { Flow, Plan } from '../flow/index.ts'
import { concatBatches, countSamples, inOrder } from '../operators/sampling.ts'
import { rolloutSource } from '../resources.ts'
import type { PacingSetting } from '../rollouts/pacing.ts'

// An update takes whole rounds: the same number of fragments from every shard, all stepped with the newest policy.

interface SynchronousSettings {
  /** Env steps of an update, rounded up to whole rounds of all shards. */
  readonly trainBatchSteps: number
}

/** Fragments of each shard that an update takes, so that it has at least `steps` env steps. */
const roundsFor = (steps: number, { shards, fragmentSteps }: PlanSetting): number =>
  Math.ceil(steps / (shards * fragmentSteps))

/** Fragments of one update. */
export const fragmentsOfRounds = ({ trainBatchSteps }: SynchronousSettings, setting: PlanSetting): number =>
  roundsFor(trainBatchSteps, setting) * setting.shards

/** Batches of whole rounds, in one order whatever function was faster: the sampling half of a synchronous plan. */
export const rounds = (plan: Plan, c: SynchronousSettings, setting: PlanSetting): Flow<readonly SampleBatch[]> =>
  plan
    .source('rollouts', rolloutSource)
    .gatherSync()
    .via(inOrder({ shards: setting.shards, from: setting.from }))
    .via(concatBatches({ minSteps: fragmentsOfRounds(c, setting) * setting.fragmentSteps }))
    .via(countSamples())

/** No function steps before it has the policy of the last update: policy lag is 0, and a run repeats bit for bit. */
export const synchronous = {
  fragmentsPerUpdate: fragmentsOfRounds,
  pacing: (c: SynchronousSettings, setting: PlanSetting): PacingSetting => ({
    mode: 'exact',
    perVersion: roundsFor(c.trainBatchSteps, setting),
    lead: 0,
    publishEvery: 1,
  }),
}

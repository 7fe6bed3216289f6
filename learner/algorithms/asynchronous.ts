import { z } from 'zod'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { AlgorithmDefinition, PlanSetting } from '../algorithm.ts'
import type { Flow, Plan } from '../flow/index.ts'
import { concatBatches, dropStale, inOrder } from '../operators/sampling.ts'
import { rolloutSource } from '../resources.ts'
import type { PacingSetting } from '../rollouts/pacing.ts'
import { count } from '../settings.ts'
import type { LOSS_SETTINGS } from './actorCritic.ts'
import { fragmentsOfRounds } from './synchronous.ts'

// Functions step ahead of the learner by a bounded number of train batches: what IMPALA's plan is set by.

export const ASYNCHRONOUS_SETTINGS = {
  /** Env steps of an update, rounded up to whole fragments; of an exact run to whole rounds of all shards. RLlib's 500 learn CartPole in three of four runs. */
  trainBatchSteps: count.default(320),
  publishEvery: count.default(1),
  /** Train batches a shard's rollouts may be ahead of the newest policy. */
  lead: z.number().int().min(0).default(1),
  /** Older data is dropped and counted. 0, with `lead: 0`, is a synchronous run: every batch is of the newest policy, and none is dropped. */
  maxPolicyLag: z.number().int().min(0).default(8),
  inFlight: count.default(2),
  /** Batches in the order (sequence, shard), each stepped with the policy exactly `lead` batches old: a run repeats bit for bit. */
  deterministic: z.boolean().default(false),
}
export type AsynchronousSettings = z.output<z.ZodObject<typeof ASYNCHRONOUS_SETTINGS>>
export type AsynchronousPlan = AlgorithmDefinition<
  z.ZodObject<typeof ASYNCHRONOUS_SETTINGS & typeof LOSS_SETTINGS>
>['plan']

/** Whether every fragment is stepped with one certain policy version, and is waited for. */
export const isExact = ({ deterministic, maxPolicyLag }: AsynchronousSettings): boolean =>
  deterministic || maxPolicyLag === 0

/** Refuses settings under which what functions make on schedule would be dropped as too old. */
export function checkLag({ value, issues }: z.core.ParsePayload<AsynchronousSettings>): void {
  const { lead, publishEvery, maxPolicyLag } = value
  const [most, formula] = isExact(value)
    ? [(lead + 1) * publishEvery - 1, '(lead + 1) * publishEvery - 1']
    : [(lead + 1) * publishEvery, '(lead + 1) * publishEvery']
  if (maxPolicyLag >= most) return
  const message = `must be at least ${formula}, here ${most}, or what functions make on schedule would be dropped as too old`
  issues.push({ code: 'custom', path: ['maxPolicyLag'], message, input: maxPolicyLag })
}

/** Fragments of one update: as few as reach the batch; of an exact run whole rounds, so that all of a batch is of one policy. */
const fragmentsFor = (c: AsynchronousSettings, setting: PlanSetting): number =>
  isExact(c) ? fragmentsOfRounds(c, setting) : Math.ceil(c.trainBatchSteps / setting.fragmentSteps)

/** Batches as they come, without what is too old, and in one order where the run is exact: the sampling half of the plan. */
export function asTheyCome(plan: Plan, c: AsynchronousSettings, setting: PlanSetting): Flow<readonly SampleBatch[]> {
  const { shards, from, fragmentSteps } = setting
  const fragments = plan.source('rollouts', rolloutSource).gatherAsync({ inFlight: c.inFlight, reissue: 'before' })
  return (isExact(c) ? fragments.via(inOrder({ shards, from })) : fragments)
    .via(dropStale({ maxPolicyLag: c.maxPolicyLag }))
    .via(concatBatches({ minSteps: fragmentsFor(c, setting) * fragmentSteps }))
}

/** Policy lag is bounded by `lead`: on average in a run that takes what comes, exactly in one that is exact. */
export const asynchronous = {
  fragmentsPerUpdate: fragmentsFor,
  pacing: (c: AsynchronousSettings, setting: PlanSetting): PacingSetting => ({
    mode: isExact(c) ? 'exact' : 'newest',
    perVersion: (c.publishEvery * fragmentsFor(c, setting)) / setting.shards,
    lead: c.lead,
    publishEvery: c.publishEvery,
  }),
}

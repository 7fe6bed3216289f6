import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { type Schedule, valueAt } from '../run/clocks.ts'
import { operator } from '../flow/index.ts'
import type { Spread } from '../run/observer.ts'
import { DEFAULT_POLICY } from '../program/index.ts'
import { learner, publisher, runState } from '../resources.ts'
import { diverged } from '../training/divergence.ts'
import type { UpdateResult } from '../run/updateResult.ts'

export interface TrainOneStepParams {
  /** Of the program; `update` if not told. */
  readonly call?: string
  /** By the names that graphs have for them. */
  readonly rates: Readonly<Record<string, number | Schedule>>
  /** The new policy is asked of the learner at every so many updates. */
  readonly publishEvery: number
}

/** One update of the learner on a batch of fragments; RLlib Flow's TrainOneStep. The work is done in the learner's own thread. */
export const trainOneStep = operator({
  name: 'trainOneStep',
  uses: [learner, runState],
  each: async (
    fragments: readonly SampleBatch[],
    { params, ctx }: { params: TrainOneStepParams; ctx: Use },
  ): Promise<UpdateResult> => {
    const run = ctx.use(runState)
    const { call = 'update', publishEvery } = params
    const rates = Object.fromEntries(
      Object.entries(params.rates).map(([name, value]) => [name, valueAt(value, run.clocks)] as const),
    )
    const lag = spread(fragments.map((fragment) => run.lagOf(fragment)))
    const isPublished = (run.clocks.updates + 1 - run.baseVersion) % publishEvery === 0
    const { metrics, policy } = await ctx
      .use(learner)
      .train(fragments, { call, rates, ...(isPublished && { wantPolicy: DEFAULT_POLICY }) })
      .catch(async (error: unknown) => {
        const { rewardScale } = ctx.use(learner)
        throw await diverged(error, { update: run.clocks.updates + 1, fragments, rewardScale, keep: run.keepBatch })
      })
    run.trained(fragments)
    const update: UpdateResult = {
      ...run.clocks,
      policyVersion: run.policyVersion,
      meanReturn: run.episodes.mean(),
      episodes: run.episodes.episodes,
      metrics: { ...metrics, ...(rates['learning_rate'] !== undefined && { learning_rate: rates['learning_rate'] }) },
      lag,
      provenances: fragments.map((fragment) => fragment.provenance),
      policy,
    }
    run.onUpdate(update)
    return update
  },
})

/**
 * Publishes the new policy of every update that has one. The write overlaps the next update: an item goes on as soon as the
 * write of the one before it is done.
 */
export const publishPolicy = operator({
  name: 'publishPolicy',
  uses: [publisher],
  async *run(source: AsyncIterable<UpdateResult>, { ctx }) {
    let writing: Promise<void> | undefined
    // A write that fails early must wait for its turn without counting as unhandled.
    const start = (update: UpdateResult, model: Uint8Array): Promise<void> => {
      const write = ctx.use(publisher).publish(update.policyVersion, model)
      write.catch(() => undefined)
      return write
    }
    try {
      for await (const update of source) {
        await writing
        writing = update.policy && start(update, update.policy)
        yield update
      }
    } finally {
      await writing
    }
  },
})

type Use = { use<R>(key: import('../flow/index.ts').ResourceKey<R>): R }

function spread(values: readonly number[]): Spread {
  const all = { min: Infinity, sum: 0, max: -Infinity }
  for (const value of values) {
    all.min = Math.min(all.min, value)
    all.max = Math.max(all.max, value)
    all.sum += value
  }
  return { min: all.min, mean: all.sum / values.length, max: all.max }
}

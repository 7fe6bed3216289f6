import { concatFragments, trainInputs } from '../../shared/batch/index.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { TrainState } from '../tensor/index.ts'
import type { Learner, Rates, Trained } from './learner.ts'
import { TrainCore, type TrainSetting } from './trainCore.ts'

/** The learner in this thread: for a debugger, and where a thread is not worth it. */
export class InlineLearner implements Learner {
  private readonly core: TrainCore
  private trained = false
  private last: Promise<unknown> = Promise.resolve()
  readonly rewardScale: number
  busyMs = 0

  constructor(setting: TrainSetting) {
    this.core = new TrainCore(setting)
    this.rewardScale = setting.spec.rewardScale
  }

  async policy(): Promise<Uint8Array> {
    return this.trained ? await this.core.policy() : this.core.initialPolicy
  }

  async train(
    fragments: readonly SampleBatch[],
    options: { readonly rates: Rates; readonly wantPolicy: boolean },
  ): Promise<Trained> {
    const from = performance.now()
    this.trained = true
    const training = this.core.train(trainInputs(concatFragments(fragments)), options.rates, options.wantPolicy)
    this.last = training.catch(() => undefined)
    const result = await training
    this.busyMs += performance.now() - from
    return result
  }

  async save(): Promise<TrainState> {
    await this.last
    return await this.core.save()
  }

  async close(): Promise<void> {
    await this.core.close()
  }
}

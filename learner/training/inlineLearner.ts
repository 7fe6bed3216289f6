import { type ColumnSpec, concatFragments, trainInputs } from '../../shared/batch/index.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { DEFAULT_POLICY, ProgramRunner, type ProgramState } from '../program/index.ts'
import { engineOf } from './engine.ts'
import { hostTensors } from './hostTensors.ts'
import type { Learner, TrainOptions, Trained } from './learner.ts'
import type { TrainSetting } from './trainSetting.ts'

/** The learner in this thread: for a debugger, and where a thread is not worth it. */
export class InlineLearner implements Learner {
  private readonly runner: ProgramRunner
  private last: Promise<unknown> = Promise.resolve()
  private readonly columns: readonly ColumnSpec[]
  readonly rewardScale: number
  busyMs = 0

  /** @param columns what fragments have */
  constructor({ program, engine, state }: TrainSetting, columns: readonly ColumnSpec[]) {
    this.columns = columns
    this.rewardScale = program.rewardScale
    this.runner = new ProgramRunner(engineOf(engine), program, state)
  }

  async policy(name = DEFAULT_POLICY): Promise<Uint8Array> {
    await this.last
    return this.runner.policy(name)
  }

  async train(fragments: readonly SampleBatch[], options: TrainOptions): Promise<Trained> {
    const training = this.last.then(async () => await this.call(fragments, options))
    this.last = training.catch(() => undefined)
    return await training
  }

  async save(): Promise<ProgramState> {
    await this.last
    return this.runner.save()
  }

  async close(): Promise<void> {
    await this.runner.close()
  }

  private async call(fragments: readonly SampleBatch[], { call, rates, wantPolicy }: TrainOptions): Promise<Trained> {
    const from = performance.now()
    const columns = hostTensors(trainInputs(concatFragments(fragments, this.columns)).columns)
    const { metrics } = await this.runner.call(call, { columns, rates })
    this.busyMs += performance.now() - from
    return { metrics, policy: wantPolicy === undefined ? undefined : this.runner.policy(wantPolicy) }
  }
}

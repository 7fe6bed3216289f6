import type { Clock, ConcurrencyLimit, DeadMan, LearnerGroup, ObjectStore } from '../../shared/cloud/ports.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import type { Experiment } from '../experiment.ts'
import type { RunCloud } from '../run/cloud.ts'
import type { Versions } from '../run/files.ts'
import type { TrainOptions, TrainResult } from '../run/service.ts'
import type { EngineName } from '../training/engine.ts'
import type { RunRequest } from './records.ts'

/** Everything the learner of a stage depends on; a test passes fakes and a virtual clock. */
export interface StageParts {
  readonly stage: StageDescription
  readonly store: ObjectStore
  readonly clock: Clock
  readonly group: LearnerGroup
  readonly limit: ConcurrencyLimit
  readonly deadMan: DeadMan
  /** Unique name of this learner. */
  readonly learner: string
  /** Name of the machine, for display. */
  readonly host: string
  readonly versions: Versions
  readonly engine?: EngineName | undefined
  /** End when no run waits. */
  readonly once: boolean
  /** Asks for a clean end: the run that is on is left to the next learner, with a checkpoint. */
  readonly signal: AbortSignal
  /** Resolves, with a sentence, when the machine is about to be taken away. */
  readonly spotNotice?: ((signal: AbortSignal) => Promise<string | undefined>) | undefined
  /** The functions, queue and bucket of the stage, for a run of so many shards. */
  openCloud(options: { readonly shards: number }): Promise<RunCloud>
  /** @throws MillraceError E_EXPERIMENT */
  loadExperiment(module: Uint8Array, request: RunRequest): Promise<Experiment>
  train(experiment: Experiment, options: TrainOptions): Promise<TrainResult>
  /** Prints one line for each event. */
  log(this: void, text: string): void
}

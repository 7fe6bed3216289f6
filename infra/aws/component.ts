import type { StageSettingsInput } from './settings.ts'

/**
 * A stage of Millrace on AWS, for the `run` of an sst.config.ts: a bucket, queues, two functions, what the learner runs on, and what
 * ends all of them. Declared by hand, since its own file speaks of types that only SST has; infra/sst holds the two together.
 */
export declare class Millrace {
  /**
   * @param name a logical name, such as `Train`
   * @param settings those of millrace.settings.ts, which the command line reads too
   */
  constructor(name: string, settings: StageSettingsInput)

  /** For SST to print: outputs of Pulumi and plain strings. */
  readonly outputs: {
    readonly parameter: unknown
    readonly bucket: unknown
    readonly queue: unknown
    readonly rolloutFunction: unknown
    readonly evaluateFunction: unknown
    readonly learner: unknown
  }
}

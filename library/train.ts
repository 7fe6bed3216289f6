import type { Experiment, ExperimentInput } from '../learner/experiment.ts'
import type { Progress, RunObserver, RunSummary } from '../learner/run/observer.ts'
import type { RunCloud } from '../learner/run/cloud.ts'
import { MillraceError } from '../shared/errors.ts'
import type { PolicySpec } from '../shared/policy/spec.ts'

export interface TrainOptions {
  /** Stops the run after the current update. `train` then returns the result so far, with the reason `interrupted`. */
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second with the run's progress. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Called with everything: progress, each update, warnings, and what the env writes. */
  readonly observer?: RunObserver | undefined
  /** A folder for the run's files: policy, metrics, checkpoints. Without it nothing is written. It must be empty, or not there. */
  readonly runFolder?: string | undefined
  /** Resume the run in `runFolder` from its last checkpoint. Without a checkpoint the run starts from the beginning. */
  readonly resume?: boolean | undefined
  /** Seconds between checkpoints, 30 by default. The run is also saved at its end. */
  readonly checkpointSeconds?: number | undefined
  /** A cloud from `emulatedCloud()`, shared between runs. By default the run opens one of its own. */
  readonly cloud?: RunCloud | undefined
  /** The module that exports your own env, which functions load: `new URL('./env.ts', import.meta.url)`. */
  readonly envModule?: string | URL | undefined
}

export interface TrainResult {
  readonly summary: RunSummary
  /** The policy as an ONNX model. */
  readonly policy: Uint8Array
  /** What the policy takes and gives. */
  readonly spec: PolicySpec
  /** Absolute path of the run folder, if there is one. */
  readonly runFolder?: string
}

/**
 * Trains an experiment to its goal or first limit, on an emulated cloud in this process.
 *
 * @param experiment an experiment, or the path of a file whose default export is one
 * @throws MillraceError of whatever was wrong or ended the run; an error that your own observer throws is passed on unchanged
 */
export const train: (
  experiment: Experiment | ExperimentInput | string | URL,
  options?: TrainOptions,
) => Promise<TrainResult> =
  // Replaced by `true` where a user's module is bundled for functions. They load it for its env and must not start a run. It stands here,
  // so that the bundler sees that the other branch is never taken and leaves the rest of the library out.
  (globalThis as { readonly millraceInFunction?: true }).millraceInFunction === true
    ? refuse
    : async (experiment, options = {}) => await (await import('./trainHere.ts')).trainHere(experiment, options)

async function refuse(): Promise<never> {
  throw new MillraceError(
    'E_EXPERIMENT',
    'this module calls train() as it is loaded, and functions load it for its env; put the env into a module of its own, and name that as envModule',
  )
}

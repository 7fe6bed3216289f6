import type { Experiment, ExperimentInput } from '../learner/experiment.ts'
import type { Progress, RunObserver, RunSummary } from '../learner/observer.ts'
import type { RunCloud } from '../learner/runCloud.ts'
import { MillraceError } from '../shared/errors.ts'
import type { PolicySpec } from '../shared/policy/spec.ts'

export interface TrainOptions {
  /** Ends the run at a clean boundary: its result is that of the last update, with the reason `interrupted`. */
  readonly signal?: AbortSignal | undefined
  /** Told about ten times a second where the run stands. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Told of everything: progress, each update, warnings, what the env writes. */
  readonly observer?: RunObserver | undefined
  /** A folder for the run's files: policy, metrics, checkpoints. Without it nothing is written. It must be empty, or not there. */
  readonly runFolder?: string | undefined
  /** Go on with the run in `runFolder` from its last checkpoint. Where there is none yet, the run begins. */
  readonly resume?: boolean | undefined
  /** How often the run is saved to its folder, 30 by default. It is saved at its end, too. */
  readonly checkpointSeconds?: number | undefined
  /** From `emulatedCloud()`, to share it between runs. Without it the run has one of its own. */
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
  /** Absolute path of the run's files, where it has any. */
  readonly runFolder?: string
}

/**
 * Trains an experiment to its goal or first limit, on an emulated cloud in this process.
 *
 * @param experiment an experiment, or the path of a file whose default export is one
 * @throws MillraceError of whatever was wrong or ended the run; an error of your own observer as it is
 */
export const train: (
  experiment: Experiment | ExperimentInput | string | URL,
  options?: TrainOptions,
) => Promise<TrainResult> =
  // Replaced by `true` where a user's module is bundled for functions: they load it for its env, and must not begin a run. In place,
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

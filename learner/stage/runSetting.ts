import { sha256Hex } from '../../shared/batch/hash.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { checkpointOf } from '../checkpoint/checkpoint.ts'
import type { Experiment } from '../experiment.ts'
import { functionsOf } from '../rollouts/functionsOf.ts'
import type { RunRequest, RunStatus } from './records.ts'

/** A function needs this long beyond its lease for what it has in hand. */
const LEASE_MARGIN_SECONDS = 5

/** @throws MillraceError E_STAGE when learner and command line are not of one version */
export function checkVersion({ run, millrace }: RunRequest, own: string): void {
  if (millrace === own) return
  throw new MillraceError(
    'E_STAGE',
    `run ${run} was asked for by Millrace ${millrace} and this learner is ${own}; deploy the stage with the version you use`,
    { run },
  )
}

/** @throws MillraceError E_EXPERIMENT when it asks for faults */
export function checkFaults({ faults }: Experiment, { stage }: StageDescription): void {
  if (faults === undefined) return
  throw new MillraceError(
    'E_EXPERIMENT',
    `experiment.faults: faults are injected by the emulated cloud, and stage ${stage} has none; take faults out, or train on this machine`,
  )
}

/** @throws MillraceError E_EXPERIMENT when it asks for more functions at once than the stage has */
export function checkFunctions({ rollouts }: Experiment, { stage, concurrency }: StageDescription): void {
  const functions = functionsOf(rollouts, concurrency)
  if (functions <= concurrency) return
  throw new MillraceError(
    'E_EXPERIMENT',
    `the run wants ${functions} functions (rollouts.functions), but stage ${stage} runs at most ${concurrency} at once; set fewer, or a larger functions.concurrency in millrace.settings.ts and deploy`,
  )
}

/**
 * The experiment as the stage can run it: leases are cut to what its functions' time-out lets them be.
 *
 * @param tell told what was changed
 * @throws MillraceError E_EXPERIMENT when it asks for faults, or for more functions at once than the stage has
 */
export function fitStage(experiment: Experiment, stage: StageDescription, tell: (text: string) => void): Experiment {
  checkFaults(experiment, stage)
  checkFunctions(experiment, stage)
  const { rollouts } = experiment
  const { timeoutSeconds } = stage
  const longest = timeoutSeconds - LEASE_MARGIN_SECONDS
  if (rollouts.leaseSeconds <= longest) return experiment
  tell(
    `leases last ${longest} s instead of ${rollouts.leaseSeconds}: the stage's functions end after ${timeoutSeconds}`,
  )
  return { ...experiment, rollouts: { ...rollouts, leaseSeconds: longest } }
}

/** A module that the command line put into the bucket. @throws MillraceError E_EXPERIMENT when it is gone or was altered */
export async function readModule(
  store: ObjectStore,
  { key, sha256 }: RunRequest['module'],
  what: string,
): Promise<Uint8Array> {
  const found = await store.get(key)
  if (found.kind !== 'found') throw new MillraceError('E_EXPERIMENT', `${what} is not in the bucket`, { key })
  if (sha256Hex(found.body) !== sha256) throw new MillraceError('E_EXPERIMENT', `${what} was altered`, { key })
  return found.body
}

export interface FoundCheckpoint {
  readonly bytes: Uint8Array
  readonly updates: number
}

/** The newest checkpoint that a run's status names, or one before it, that can be read and is of this experiment. */
export async function newestCheckpoint(
  store: ObjectStore,
  { run, checkpoint }: Pick<RunStatus, 'run' | 'checkpoint'>,
  { experiment, tell }: { readonly experiment: Experiment; readonly tell: (text: string) => void },
): Promise<FoundCheckpoint | undefined> {
  const found = (await store.list(keys.checkpoints(run))).filter((key) => !checkpoint || key <= checkpoint.key)
  for (const key of found.toReversed()) {
    const read = await store.get(key)
    if (read.kind !== 'found') continue
    try {
      return { bytes: read.body, updates: checkpointOf(experiment, read.body).state.clocks.updates }
    } catch (error) {
      if (!isMillraceError(error, 'E_CHECKPOINT')) throw error
      tell(error.message)
    }
  }
  return undefined
}

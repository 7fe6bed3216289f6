import { type Experiment, withOverrides } from '../../learner/experiment.ts'
import { checkFaults, checkFunctions } from '../../learner/stage/runSetting.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { type Interrupts, watchSignals } from '../interrupts.ts'
import type { LoadedExperiment } from '../../library/load/loadExperiment.ts'
import type { FileSystem } from '../../library/run/disk.ts'
import { runName } from '../../library/run/runFolder.ts'
import { checkOut } from '../stage/bringRun.ts'
import { FORGOTTEN, doctorSince } from '../stage/doctorMarker.ts'
import { comeBack, followToEnd } from '../stage/followToEnd.ts'
import { type OpenStage, type Stage, checkVersion } from '../stage/stage.ts'
import { type Submission, submitRun, withdrawRun } from '../stage/submitRun.ts'
import { wakeLearner } from '../stage/wakeLearner.ts'
import { print } from '../display/wrap.ts'

export interface RunOptions {
  /** As the user typed it. */
  readonly file: string
  readonly stage: string
  readonly seed?: number
  /** Where the run folder goes when the run is over; as for `train`. */
  readonly out?: string
  readonly set: Readonly<Record<string, string>>
  /** Print how to follow the run, and end. */
  readonly detach: boolean
  readonly quiet: boolean
}

/** What the command needs beside the host. */
export interface RunParts {
  readonly openStage: OpenStage
  load(file: string, options: { readonly cwd: string }): Promise<LoadedExperiment>
  /** Builds the experiment's env and plan, so that what is wrong with them is seen here and not minutes later on a machine. */
  check(experiment: Experiment): Promise<void>
  bundleForLearner(file: string): Promise<Uint8Array>
  bundleEnvCode(file: string): Promise<Uint8Array>
  readonly clock: Clock
  /** This Millrace's own. */
  readonly version: string
  /** Eight characters that no other run has. */
  suffix(): string
  readonly files?: FileSystem
}

/**
 * `millrace run`: submits an experiment to a stage's learner, starts the learner, and follows the run.
 *
 * @returns the exit status, as train's; 0 with `detach`
 * @throws MillraceError of whatever went wrong. What is wrong with experiment, settings or folder is seen before anything is uploaded
 */
export async function runCommand(options: RunOptions, host: Host, parts: RunParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const opening = parts.openStage(options.stage, { cwd: host.cwd })
    opening.catch(() => {}) // reported where it is awaited; a broken experiment is reported first
    await checkOut(options.out, host.cwd)
    const loaded = await parts.load(options.file, { cwd: host.cwd })
    const set = { ...options.set, ...(options.seed === undefined ? {} : { seed: String(options.seed) }) }
    const experiment = Object.keys(set).length > 0 ? withOverrides(loaded.experiment, set) : loaded.experiment
    await parts.check(experiment)
    const stage = await opening
    checkVersion(stage.description, parts.version)
    checkFaults(experiment, stage.description)
    checkFunctions(experiment, stage.description)
    const [module, envCode] = await Promise.all([
      parts.bundleForLearner(loaded.file),
      loaded.ownEnv ? parts.bundleEnvCode(loaded.file) : undefined,
    ])
    await refuseDoctor(stage, parts.clock.now()) // as late as can be: one that comes after this looks for requests
    if (interrupts.signal.aborted) return interrupts.exitCode() ?? EXIT.interrupted
    const requestedAt = parts.clock.now()
    const run = `${runName(loaded.name, requestedAt, experiment.seed)}-${parts.suffix()}`
    const submission = { run, experiment: loaded.name, millrace: parts.version, requestedAt, module, envCode, set }
    return await pursue(submission, stage, { options, host, parts, interrupts })
  } finally {
    interrupts.close()
  }
}

/** The doctor stops functions and learner to see that it can. @throws MillraceError E_STAGE */
async function refuseDoctor({ store, description: { stage } }: Stage, now: number): Promise<void> {
  const since = await doctorSince(store, now)
  if (since === undefined) return
  throw new MillraceError(
    'E_STAGE',
    `a doctor is at stage ${stage} since ${since}, and stops what runs there; wait until it is done (${FORGOTTEN})`,
  )
}

interface Context {
  readonly options: RunOptions
  readonly host: Host
  readonly parts: RunParts
  readonly interrupts: Interrupts
}

async function pursue(submission: Submission, stage: Stage, context: Context): Promise<number> {
  const { host, parts, interrupts } = context
  const { detach, quiet, out } = context.options
  const { run } = submission
  await submitRun(stage.store, submission)
  let woken: string
  try {
    woken = await wakeLearner(stage, parts.clock.now())
  } catch (error) {
    await withdrawRun(stage.store, submission, error).catch(() => {}) // the first failure is the one to report
    throw error
  }
  if (quiet && detach) host.out.write(`${run}\n`)
  if (!quiet) print(host.out, [`run ${run} on stage ${stage.description.stage}`, woken])
  if (!detach) return await followToEnd(run, host, { stage, interrupts, quiet, out, ...parts })
  if (!quiet) comeBack(run, host, stage)
  return EXIT.ok
}

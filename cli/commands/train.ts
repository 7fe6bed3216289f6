import { randomUUID } from 'node:crypto'
import { basename, resolve } from 'node:path'
import type { Experiment } from '../../learner/experiment.ts'
import { withOverrides } from '../../learner/experiment.ts'
import type { RunObserver, RunSummary } from '../../learner/observer.ts'
import type { RunCloud } from '../../learner/runCloud.ts'
import { asDefinition } from '../../shared/env/index.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { chooseDisplay } from '../display/chooseDisplay.ts'
import { observers, thinned, type Display } from '../display/display.ts'
import { fromHere, printSummary } from '../display/summary.ts'
import { EXIT, runExitCode } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { type Interrupts, watchSignals } from '../interrupts.ts'
import type { LoadedExperiment } from '../../library/load/loadExperiment.ts'
import { noUpdate } from '../noUpdate.ts'
import { report } from '../report.ts'
import { nodeFiles, type FileSystem } from '../../library/run/disk.ts'
import { openMetricsLog } from '../../library/run/metricsLog.ts'
import { openRunLogs } from '../../library/run/runLogs.ts'
import { configRecord, writeResult, type Versions } from '../../library/run/records.ts'
import {
  RUN_FILES,
  createFreshRunFolder,
  createRunFolder,
  runName,
  type RunFolder,
} from '../../library/run/runFolder.ts'
import { fit } from '../display/wrap.ts'

export interface TrainOptions {
  /** As the user typed it. */
  readonly file: string
  readonly seed?: number
  readonly out?: string
  /** Overrides by dotted path. */
  readonly set: Readonly<Record<string, string>>
  readonly serial: boolean
  readonly quiet: boolean
}

export interface TrainResult {
  readonly summary: RunSummary
  /** The final policy as an ONNX model. */
  readonly policy: Uint8Array
  readonly spec: PolicySpec
}

/** The learner service (learner/service.ts). An abort ends the run cleanly and still gives its result. */
export type Train = (
  experiment: Experiment,
  options: { run: string; cloud: RunCloud; observer: RunObserver; signal: AbortSignal; envCode?: Uint8Array },
) => Promise<TrainResult>

/** What the command needs beside the host. */
export interface TrainParts {
  load(file: string, options: { readonly cwd: string }): Promise<LoadedExperiment>
  bundleEnvCode(file: string): Promise<Uint8Array>
  openCloud(options: { readonly serial: boolean }): Promise<RunCloud>
  /** Imports the learner; called at once, so that it loads while the experiment is bundled. */
  train(): Promise<Train>
  readonly versions: Versions
  readonly files?: FileSystem
}

/**
 * `millrace train`: loads an experiment, trains it, shows how it goes and leaves a run folder.
 *
 * @returns the exit status, see exitCodes.ts
 * @throws MillraceError of whatever went wrong; a run that never came to its first update leaves no folder behind
 */
export async function trainCommand(options: TrainOptions, host: Host, parts: TrainParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const service = parts.train()
    service.catch(() => {}) // reported where it is awaited; a broken experiment is reported first
    const loaded = await parts.load(options.file, { cwd: host.cwd })
    const overrides = { ...options.set, ...(options.seed === undefined ? {} : { seed: String(options.seed) }) }
    const experiment =
      Object.keys(overrides).length > 0 ? withOverrides(loaded.experiment, overrides) : loaded.experiment
    const env = asDefinition(experiment.env)
    const train = await service
    if (interrupts.signal.aborted) return interrupts.exitCode() ?? EXIT.interrupted
    const run = runName(loaded.name, host.now(), experiment.seed)
    const folder =
      options.out === undefined
        ? await createFreshRunFolder(resolve(host.cwd, 'runs'), run, parts.files)
        : await createRunFolder(resolve(host.cwd, options.out), parts.files)
    const name = options.out === undefined ? basename(folder.path) : run
    const setting: Setting = { loaded, experiment, env: env.id, run: name, folder, interrupts, train }
    return await trainInto(setting, { options, host, parts })
  } finally {
    interrupts.close()
  }
}

interface Setting {
  readonly loaded: LoadedExperiment
  readonly experiment: Experiment
  readonly env: string
  readonly run: string
  readonly folder: RunFolder
  readonly interrupts: Interrupts
  readonly train: Train
}

interface Context {
  readonly options: TrainOptions
  readonly host: Host
  readonly parts: TrainParts
}

const STOPPING = 'stopping the functions and writing the run folder; Ctrl-C again to stop at once'

async function trainInto(setting: Setting, context: Context): Promise<number> {
  const { experiment, folder, interrupts, loaded, env } = setting
  const { options, host, parts } = context
  const where = fromHere(folder.file(RUN_FILES.output), host.cwd)
  const display = thinned(chooseDisplay(host, options), { where, now: () => host.now() })
  interrupts.onInterrupt(() => display.stopping(STOPPING))
  interrupts.onSecond(() => display.close())
  const seen = { updates: 0, outputLines: 0 }
  try {
    const envCode = loaded.ownEnv ? await parts.bundleEnvCode(loaded.file) : undefined
    const start = { ...setting, file: loaded.file, startedAt: host.now(), versions: parts.versions }
    await folder.writeJson(RUN_FILES.config, configRecord(start))
    if (envCode) await folder.write(RUN_FILES.envCode, envCode)
    const result = await trainLogged(setting, context, { display, seen, envCode })
    const nothing = noUpdate(result.summary)
    if (nothing) throw nothing
    await writeResult(folder, result, { env, experiment, ownEnv: envCode !== undefined })
    if (!options.quiet) printSummary(result.summary, { goal: experiment.stop.meanReturn, folder: folder.path }, host)
    return interrupts.exitCode() ?? runExitCode(result.summary, experiment.stop.meanReturn)
  } catch (error) {
    // What envs wrote may be all that says why.
    if (seen.updates === 0 && seen.outputLines === 0) await folder.discard()
    throw interrupts.failure() ?? error
  }
}

interface Beside {
  readonly display: Display
  readonly seen: { updates: number; outputLines: number }
  readonly envCode: Uint8Array | undefined
}

/** Trains with the metrics log and the display beside it; cloud, display and log are closed however it ends. */
async function trainLogged(setting: Setting, context: Context, beside: Beside): Promise<TrainResult> {
  const { experiment, folder, interrupts, run } = setting
  const { options, host, parts } = context
  const { display, seen, envCode } = beside
  const { fail: onError, signal } = interrupts
  const files = parts.files ?? nodeFiles
  const log = await openMetricsLog(folder.file(RUN_FILES.metrics), { every: host.every, onError, files })
  const logs = openRunLogs(folder, { every: host.every, now: () => host.now(), onError, files })
  const logging: RunObserver = {
    onUpdate(line) {
      seen.updates++
      log.add(line)
    },
  }
  try {
    const cloud = await parts.openCloud({ serial: options.serial })
    try {
      const observer = observers([logging, logs.observer, display])
      // Two runs of one second have one name; in a bucket that they share, one would find the other's word to stop.
      const id = `${run}-${randomUUID().slice(0, 8)}`
      return await setting.train(experiment, { run: id, cloud, observer, signal, ...(envCode ? { envCode } : {}) })
    } finally {
      // A result must not be lost, nor an error hidden, because something did not close.
      await cloud.close().catch((error: unknown) => host.err.write(fit(`warning: ${report(error).text}`, host.err)))
    }
  } finally {
    display.close()
    seen.outputLines = logs.outputLines
    await logs.close()
    await log.close()
  }
}

import { relative, resolve } from 'node:path'
import type { Experiment } from '../../learner/experiment.ts'
import { withOverrides } from '../../learner/experiment.ts'
import type { RunObserver, RunSummary } from '../../learner/observer.ts'
import type { RunCloud } from '../../learner/runCloud.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { isMillraceError, type MillraceError } from '../../shared/errors.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { observers, quietDisplay, type Display } from '../display/display.ts'
import { liveDisplay } from '../display/liveDisplay.ts'
import { plainDisplay } from '../display/plainDisplay.ts'
import { summaryLines } from '../display/summary.ts'
import { runExitCode, signalExitCode, type Signal } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { LoadedExperiment } from '../loadExperiment.ts'
import { nodeFiles, type FileSystem } from '../run/disk.ts'
import { openMetricsLog } from '../run/metricsLog.ts'
import { configRecord, writeResult, type Versions } from '../run/records.ts'
import { RUN_FILES, createRunFolder, runName, type RunFolder } from '../run/runFolder.ts'

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
    const run = runName(loaded.name, host.now(), experiment.seed)
    const folder = await createRunFolder(resolve(host.cwd, options.out ?? `runs/${run}`), parts.files)
    const setting: Setting = { loaded, experiment, env: env.id, run, folder, interrupts, train: await service }
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

async function trainInto(setting: Setting, { options, host, parts }: Context): Promise<number> {
  const { experiment, folder, interrupts, loaded, run } = setting
  const files = parts.files ?? nodeFiles
  const display = chooseDisplay(options, host)
  const shownFolder = relative(host.cwd, folder.path).startsWith('..') ? folder.path : relative(host.cwd, folder.path)
  interrupts.onInterrupt(() =>
    display.stopping('stopping the functions and writing the run folder; Ctrl-C again to stop at once'),
  )
  interrupts.onSecond(() => display.close())
  let updates = 0
  try {
    const envCode = loaded.ownEnv ? await parts.bundleEnvCode(loaded.file) : undefined
    await folder.writeJson(
      RUN_FILES.config,
      configRecord({ ...setting, file: loaded.file, startedAt: host.now(), versions: parts.versions }),
    )
    if (envCode) await folder.write(RUN_FILES.envCode, envCode)
    const log = await openMetricsLog(folder.file(RUN_FILES.metrics), {
      every: host.every,
      onError: interrupts.fail,
      files,
    })
    let result: TrainResult
    try {
      const cloud = await parts.openCloud({ serial: options.serial })
      try {
        const counting: RunObserver = {
          onUpdate(line) {
            updates++
            log.add(line)
          },
        }
        const observer = observers([counting, display])
        result = await setting.train(experiment, {
          run,
          cloud,
          observer,
          signal: interrupts.signal,
          ...(envCode ? { envCode } : {}),
        })
      } finally {
        await cloud.close()
      }
    } finally {
      display.close()
      await log.close()
    }
    await writeResult(folder, result, { env: setting.env, experiment, ownEnv: envCode !== undefined })
    if (!options.quiet) {
      const { colors, glyphs, isTTY, columns } = host.out
      const width = isTTY ? columns - 1 : 100
      const lines = summaryLines(result.summary, {
        width,
        goal: experiment.stop.meanReturn,
        folder: shownFolder,
        colors,
        glyphs,
      })
      host.out.write(lines.map((line) => `${line}\n`).join(''))
    }
    return interrupts.exitCode() ?? runExitCode(result.summary, experiment.stop.meanReturn)
  } catch (error) {
    display.close()
    if (updates === 0) await folder.discard()
    const exitCode = interrupts.exitCode()
    if (exitCode !== undefined && isMillraceError(error, 'E_PLAN_ABORTED')) return exitCode
    throw interrupts.failure() ?? error
  }
}

function chooseDisplay({ quiet }: TrainOptions, host: Host): Display {
  if (quiet) return quietDisplay((text) => host.err.write(text))
  return host.out.isTTY ? liveDisplay(host) : plainDisplay(host.out)
}

interface Interrupts {
  readonly signal: AbortSignal
  onInterrupt(listener: () => void): void
  onSecond(listener: () => void): void
  /** Stops the run because of an error. */
  fail(this: void, error: MillraceError): void
  failure(): MillraceError | undefined
  /** 130 after Ctrl-C; undefined when no signal came. */
  exitCode(): number | undefined
  close(): void
}

/** The first signal ends a run cleanly, the second ends the process at once. */
function watchSignals(host: Host): Interrupts {
  const controller = new AbortController()
  let first: Signal | undefined
  let failed: MillraceError | undefined
  let interrupted = () => {}
  let second = () => {}
  const stop = host.onSignal((signal) => {
    if (first !== undefined) {
      second()
      host.exit(signalExitCode(signal))
      return
    }
    first = signal
    interrupted()
    controller.abort()
  })
  return {
    signal: controller.signal,
    onInterrupt: (listener) => (interrupted = listener),
    onSecond: (listener) => (second = listener),
    fail(error) {
      failed = error
      controller.abort(error)
    },
    failure: () => failed,
    exitCode: () => (first === undefined ? undefined : signalExitCode(first)),
    close: stop,
  }
}

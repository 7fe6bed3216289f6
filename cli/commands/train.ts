import { basename, resolve } from 'node:path'
import type { RunObserver, StopReason } from '../../learner/run/observer.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import type { TrainResult } from '../../learner/run/service.ts'
import { nodeFiles, type FileSystem } from '../../library/run/disk.ts'
import type { OpenOptions } from '../../library/openCloud.ts'
import type { LoadedExperiment } from '../../library/load/loadExperiment.ts'
import type { LoadedPair } from '../../library/load/loadPair.ts'
import type { Pair } from '../../library/load/pair.ts'
import { newestUnfinished } from '../../library/run/autoResume.ts'
import type { FaultRecord } from '../../library/run/faultRecord.ts'
import { faultLines } from '../../library/run/faultTable.ts'
import { readResult, type Versions } from '../../library/run/records.ts'
import { type TakenUp, takeUp } from '../../library/run/resume.ts'
import { createFreshRunFolder, createRunFolder, runName } from '../../library/run/runFolder.ts'
import { observers } from '../../library/run/observers.ts'
import { type Train, trainInto } from '../../library/run/trainInto.ts'
import { chooseDisplay } from '../display/chooseDisplay.ts'
import { type Display, thinned } from '../display/display.ts'
import { fromHere, printSummary } from '../display/summary.ts'
import { EXIT, runExitCode } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { uncaught } from '../uncaught.ts'
import { type Interrupts, watchSignals } from '../interrupts.ts'
import { report } from '../report.ts'
import { fit, print } from '../display/wrap.ts'
import { RUN_FILES } from '../../library/run/runFolder.ts'
import { printCommand } from '../display/shell.ts'
import { goOnCommand } from './goOn.ts'
import { type Setting, settingOf, sourceOf } from './trainSetting.ts'

export interface TrainOptions {
  /** As the user typed it; with `resume` it may be left out. */
  readonly file?: string
  /** In the place of a file. */
  readonly pair?: Pair
  readonly seed?: number
  readonly out?: string
  /** Overrides by dotted path. */
  readonly set: Readonly<Record<string, string>>
  readonly serial: boolean
  readonly quiet: boolean
  /** The run folder to go on from, as the user typed it; or `auto`, the newest that fits. */
  readonly resume?: string
  readonly checkpointSeconds?: number
  /** The name of a set of faults, or rates as JSON: short for `--set faults=…`. */
  readonly faults?: string
}

export type { Train } from '../../library/run/trainInto.ts'

/** What the command needs beside the host. */
export interface TrainParts {
  load(file: string, options: { readonly cwd: string }): Promise<LoadedExperiment>
  loadPair(pair: Pair): Promise<LoadedPair>
  bundleEnvCode(file: string): Promise<Uint8Array>
  openCloud(options: OpenOptions): Promise<RunCloud>
  /** Imports the learner; called at once, so that it loads while the experiment is bundled. */
  train(): Promise<Train>
  readonly versions: Versions
  readonly files?: FileSystem
}

/**
 * `millrace train`: loads an experiment, trains it, shows its progress and writes a run folder; or resumes a run from its folder.
 *
 * @returns the exit status, see exitCodes.ts
 * @throws MillraceError of whatever went wrong; a run that never came to its first update leaves no folder behind
 */
export async function trainCommand(options: TrainOptions, host: Host, parts: TrainParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const service = parts.train()
    service.catch(() => {}) // reported where it is awaited; a broken experiment is reported first
    const context = { options, host, parts }
    // Code of the user's that loops would keep us from hearing of it.
    const setting = await host.unwatched(() => settingOf(context))
    const train = await service
    if (interrupts.signal.aborted) return interrupts.exitCode() ?? EXIT.interrupted
    const taken = await folderOf(setting, context)
    return await trainShown({ ...setting, ...taken, interrupts, train }, context)
  } finally {
    interrupts.close()
  }
}

interface Context {
  readonly options: TrainOptions
  readonly host: Host
  readonly parts: TrainParts
}

interface Taken extends TakenUp {
  /** The run's name. */
  readonly run: string
}

/** Where the run's files go, claimed. */
async function folderOf({ loaded, experiment }: Setting, { options, host, parts }: Context): Promise<Taken> {
  const { resume, out } = options
  const { files = nodeFiles, versions } = parts
  const run = runName(loaded.name, host.now(), experiment.seed)
  const runs = resolve(host.cwd, 'runs')
  const say = (text: string) => (options.quiet ? undefined : print(host.out, text))
  const tell = (text: string) => print(host.err, `warning: ${text}`)
  let path = resume === undefined || resume === 'auto' ? undefined : resolve(host.cwd, resume)
  if (resume === 'auto') {
    const wanted = { experiment, ...sourceOf(loaded), version: versions.millrace }
    path = out === undefined ? await newestUnfinished(runs, wanted) : resolve(host.cwd, out)
  }
  if (path !== undefined) {
    const orBegin = resume === 'auto'
    const taken = await takeUp(path, experiment, { version: versions.millrace, tell, orBegin, files })
    const { resumed, folder } = taken
    if (resumed && !resumed.finished) say(goesOn(fromHere(folder.path, host.cwd), resumed))
    return { ...taken, run: resumed?.config.run ?? run }
  }
  if (resume === 'auto') say('no unfinished run of this experiment has a checkpoint: a new run begins')
  if (out !== undefined)
    return { folder: await createRunFolder(resolve(host.cwd, out), files), resumed: undefined, run }
  const folder = await createFreshRunFolder(runs, run, files)
  return { folder, resumed: undefined, run: basename(folder.path) }
}

function goesOn(folder: string, { from, attempt }: NonNullable<TakenUp['resumed']>): string {
  const where = from
    ? `from update ${from.checkpoint.state.clocks.updates}`
    : 'from the start: there is no checkpoint yet'
  return `going on with ${folder}, attempt ${attempt}, ${where}`
}

interface Ready extends Setting, Taken {
  readonly interrupts: Interrupts
  readonly train: Train
}

const STOPPING = 'stopping the functions and saving the run; Ctrl-C again to stop at once'

/** What has to be raised for a run that ended so to go on. */
const RAISED: Partial<Record<StopReason, string>> = {
  meanReturn: 'stop.meanReturn',
  envSteps: 'stop.envSteps',
  seconds: 'stop.seconds',
  budget: 'budget.usd',
}

function isOver(reason: StopReason): string {
  const key = RAISED[reason]
  return `this run is over${key === undefined ? '' : `; it goes on when ${key} is raised: --set ${key}=…`}`
}

async function trainShown(ready: Ready, context: Context): Promise<number> {
  const { experiment, folder, interrupts, resumed } = ready
  const { options, host } = context
  const goal = experiment.stop.meanReturn
  const shown = { goal, folder: folder.path }
  if (resumed?.finished) {
    await folder.release()
    const result = readResult(folder.path, resumed.finished)
    if (!options.quiet) {
      print(host.out, isOver(result.summary.reason))
      printSummary(result.summary, shown, host)
    }
    return runExitCode(result.summary, goal)
  }
  const where = fromHere(folder.file(RUN_FILES.output), host.cwd)
  const display = thinned(chooseDisplay(host, { quiet: options.quiet, earlierMs: resumed?.progress?.atMs }), {
    where,
    now: () => host.now(),
  })
  interrupts.onInterrupt(() => display.stopping(STOPPING))
  interrupts.onSecond(() => display.close())
  const goOn = goOnCommand(fromHere(folder.path, host.cwd), options)
  const trained: Trained = { updates: 0 }
  // The run ends in order, with all that it learned.
  const watched = host.onUncaught((error) => interrupts.fail(uncaught(error)))
  let result: TrainResult
  try {
    result = await trainBeside(display, { ready, context, trained })
    if (interrupts.failure() !== undefined) throw interrupts.failure()
  } catch (error) {
    showFaults(trained, context)
    if (trained.updates > 0 && !options.quiet) printCommand(host.out, 'to go on from its last checkpoint: ', goOn)
    throw interrupts.failure() ?? error
  } finally {
    watched()
  }
  const { summary } = result
  const interrupted = summary.reason === 'interrupted' ? { goOn } : {}
  if (!options.quiet) printSummary(summary, { ...shown, ...interrupted }, host)
  showFaults(trained, context)
  return interrupts.exitCode() ?? runExitCode(summary, goal)
}

function showFaults({ faults }: Trained, { options, host }: Context): void {
  if (faults && !options.quiet) print(host.out, ['', ...faultLines(faults)])
}

interface Beside {
  readonly ready: Ready
  readonly context: Context
  readonly trained: Trained
}

interface Trained {
  updates: number
  faults?: readonly FaultRecord[]
}

async function trainBeside(display: Display, { ready, context, trained }: Beside): Promise<TrainResult> {
  const { loaded, experiment, set, run, folder, resumed, interrupts, train } = ready
  const { options, host, parts } = context
  const counting: RunObserver = { onUpdate: () => void trained.updates++ }
  try {
    return await trainInto({
      experiment,
      run,
      folder,
      resumed,
      ...sourceOf(loaded),
      set,
      envCode: async () => (loaded.ownEnv ? await parts.bundleEnvCode(loaded.file) : undefined),
      openCloud: async () => await parts.openCloud({ serial: options.serial, faults: experiment.faults }),
      train,
      versions: parts.versions,
      observer: observers([counting, display]),
      signal: interrupts.signal,
      onError: interrupts.fail,
      onCloseError: (error) => host.err.write(fit(`warning: ${report(error).text}`, host.err)),
      now: () => host.now(),
      every: host.every,
      checkpointSeconds: options.checkpointSeconds,
      onFaults: (records) => void (trained.faults = records),
    })
  } finally {
    display.close()
  }
}

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { CheckpointSetting } from '../../learner/checkpoint/checkpointer.ts'
import type { Experiment } from '../../learner/experiment.ts'
import type { Progress, RunObserver } from '../../learner/run/observer.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { lastLineUpTo } from '../../learner/run/metricsThinning.ts'
import { noUpdate } from '../../learner/run/noUpdate.ts'
import { RUN_FILES, configRecord, jsonFile, policyRecord, type Versions } from '../../learner/run/files.ts'
import type { TrainOptions as ServiceOptions, TrainResult } from '../../learner/run/service.ts'
import { faultsOf } from '../../shared/faults/index.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Pair } from '../load/pair.ts'
import { saveCheckpoint } from './checkpoints.ts'
import { cutMetrics } from './cutMetrics.ts'
import { setAsideDamaged } from './setAside.ts'
import { diskError, writeWhole } from './disk.ts'
import { keepDiverged } from './keepDiverged.ts'
import { FaultLog } from './faultLog.ts'
import type { AttemptEnd, FaultRecord, WentOn } from './faultRecord.ts'
import { type MetricsLog, openMetricsLog } from './metricsLog.ts'
import { observers } from './observers.ts'
import { writeResult } from './records.ts'
import { openRunLogs } from './runLogs.ts'
import type { Resumed } from './resume.ts'
import type { RunFolder } from './runFolder.ts'
import { STANDING_EVERY_MS, writeStanding } from './standing.ts'

/** Time between the first checkpoint, at the first update, and the second. Each interval is twice the one before, up to the setting. */
const FIRST_CHECKPOINT_MS = 250
/** Default interval between checkpoints of a local run. */
export const CHECKPOINT_SECONDS = 30

/** The learner service (learner/run/service.ts). An abort ends the run cleanly and still gives its result. */
export type Train = (
  experiment: Experiment,
  options: Pick<ServiceOptions, 'run' | 'cloud' | 'checkpoint' | 'keepDiverged' | 'resume' | 'earlier'> & {
    observer: RunObserver
    signal: AbortSignal
    envCode?: Uint8Array
    attempt?: number
  },
) => Promise<TrainResult>

/** A run and everything it needs around it. */
export interface RunOrder {
  readonly experiment: Experiment
  /** The run's name, as its user sees it. */
  readonly run: string
  /** Claimed already; without it nothing is written. */
  readonly folder?: RunFolder | undefined
  /** Where an earlier attempt in that folder ended. */
  readonly resumed?: Resumed | undefined
  /** The experiment file and its overrides, kept for a later resume. */
  readonly file?: string | undefined
  /** What was named in the place of a file. */
  readonly pair?: Pair | undefined
  readonly set?: Readonly<Record<string, string>> | undefined
  /** The user's own env as a self-contained module. */
  readonly envCode: () => Promise<Uint8Array | undefined>
  readonly openCloud: () => Promise<RunCloud>
  readonly train: Train
  readonly versions: Versions
  readonly observer: RunObserver
  readonly signal: AbortSignal
  /** Called when the run cannot go on; the caller then aborts the signal. */
  readonly onError: (error: MillraceError) => void
  /** Called with an error from closing something; the result stays valid. */
  readonly onCloseError: (error: unknown) => void
  /** ms since the epoch */
  readonly now: () => number
  /** Calls `tick` every `ms` until the returned function is called; does not keep the process alive. */
  readonly every: (ms: number, tick: () => void) => () => void
  readonly checkpointSeconds?: number | undefined
  /** What the faults of the run came to, where it had any; before its result, or its error. */
  readonly onFaults?: (records: readonly FaultRecord[]) => void
}

/**
 * Trains and keeps the run folder: config, metrics, checkpoints, progress and result. Whatever happens, files are
 * whole, and the folder is free for others afterwards. A first attempt that fails before its first update leaves nothing behind.
 *
 * @throws MillraceError of whatever the run ended with; E_DISK; E_RUN_FOLDER when another run has taken the folder over
 */
export async function trainInto(order: RunOrder): Promise<TrainResult> {
  const { folder, resumed } = order
  if (!folder) return await trainIn(order, await order.envCode(), {})
  const seen = { updates: 0, outputLines: 0, keptBatches: 0 }
  let discarded = false
  try {
    const envCode = await order.envCode()
    await begin(folder, order, envCode)
    return await trainRecorded(folder, { order, envCode, seen })
  } catch (error) {
    // What envs wrote, or the batch that the first update failed on, may be all that says why.
    discarded =
      seen.updates + seen.outputLines + seen.keptBatches === 0 && !resumed && !isMillraceError(error, 'E_RUN_FOLDER')
    if (discarded) await folder.discard()
    throw error
  } finally {
    if (!discarded) await folder.release()
  }
}

/** Writes the files that are known before the run begins, and removes the result of an earlier attempt. */
async function begin(folder: RunFolder, order: RunOrder, envCode: Uint8Array | undefined): Promise<void> {
  const { experiment, run, file, pair, set, versions, now, resumed, observer } = order
  const attempt = attemptOf(resumed)
  const { files } = folder
  const startedAt = resumed ? Date.parse(resumed.config.startedAt) : now()
  const env = asDefinition(experiment.env).id
  if (resumed) {
    const kept = await cutMetrics(folder.file(RUN_FILES.metrics), updatesOf(resumed), files)
    if (kept !== lastLineUpTo(updatesOf(resumed)))
      tell(observer, `${RUN_FILES.metrics} lacks updates ${kept + 1} to ${updatesOf(resumed)}`)
    const damaged =
      kept === 0
        ? 0
        : await setAsideDamaged(folder.file(RUN_FILES.metrics), folder.file(RUN_FILES.damagedMetrics), files)
    if (damaged > 0)
      tell(observer, `${RUN_FILES.metrics} had ${damaged} damaged lines, which are in ${RUN_FILES.damagedMetrics} now`)
    const before = await files.readFile(join(folder.path, RUN_FILES.envCode)).catch(() => undefined)
    if (envCode && before && !before.equals(envCode))
      tell(observer, "the env's code has changed since the last attempt")
  }
  const config = {
    run,
    experiment,
    env,
    startedAt,
    versions,
    attempt,
    ...(file !== undefined && { file }),
    ...(pair !== undefined && { pair }),
    ...((file ?? pair) !== undefined && { set: set ?? {} }),
  }
  await folder.writeJson(RUN_FILES.config, configRecord(config))
  if (envCode) await folder.write(RUN_FILES.envCode, envCode)
  if (!resumed) return
  // The time and cost of earlier attempts are kept. The run has no result until this attempt has one.
  if (resumed.progress) await writeStanding(folder, attempt, resumed.progress)
  for (const name of [RUN_FILES.summary, RUN_FILES.curve]) await files.rm(join(folder.path, name), { force: true })
}

interface Recording {
  readonly order: RunOrder
  readonly envCode: Uint8Array | undefined
  readonly seen: { updates: number; outputLines: number; keptBatches: number }
}

async function trainRecorded(folder: RunFolder, { order, envCode, seen }: Recording): Promise<TrainResult> {
  const { experiment, resumed, every, run } = order
  const { files } = folder
  const env = asDefinition(experiment.env).id
  const attempt = attemptOf(resumed)
  const path = folder.file(RUN_FILES.metrics)
  let failure: MillraceError | undefined
  const onError = (error: MillraceError) => {
    failure ??= error
    order.onError(error)
  }
  const log = await openMetricsLog(path, { every, onError, files, goOn: resumed !== undefined })
  const logs = openRunLogs(folder, { every, now: order.now, onError, files })
  const standing = keepStanding(folder, { every, onError, attempt })
  const logging: RunObserver = {
    onUpdate(line) {
      seen.updates++
      log.add(line)
    },
    onProgress: (progress) => standing.set(progress),
  }
  let result: TrainResult
  try {
    const watching = observers([logging, logs.observer])
    result = await trainIn(order, envCode, {
      logging: watching,
      checkpoint: checkpointing(folder, { order, log, envCode }),
      keepDiverged: async (batch, update) => {
        seen.keptBatches++
        return await keepDiverged(folder, batch, update)
      },
    })
  } finally {
    seen.outputLines = logs.outputLines
    await standing.close()
    await logs.close()
    await log.close()
  }
  if (failure) throw failure
  const named = { ...result, summary: { ...result.summary, run } }
  await writeResult(folder, named, { env, experiment, ownEnv: envCode !== undefined, attempt })
  await files.rm(join(folder.path, RUN_FILES.progress), { force: true }).catch(() => {}) // the summary has it all
  return named
}

interface Watching {
  readonly logging?: RunObserver
  readonly checkpoint?: CheckpointSetting
  readonly keepDiverged?: NonNullable<ServiceOptions['keepDiverged']>
}

async function trainIn(order: RunOrder, envCode: Uint8Array | undefined, watching: Watching): Promise<TrainResult> {
  const { experiment, run, resumed, signal } = order
  const { logging, checkpoint, keepDiverged: keep } = watching
  const cloud = await order.openCloud()
  const { faults } = experiment
  const log =
    faults === undefined
      ? undefined
      : new FaultLog({
          ...order,
          folder: order.folder,
          cloud,
          setting: faultsOf(faults),
          attempt: attemptOf(resumed),
          from: wentOn(experiment, resumed),
        })
  const saving = checkpoint && log ? { ...checkpoint, save: noted(checkpoint, log) } : checkpoint
  let end: AttemptEnd = 'failed'
  const watchers = [...(log ? [log.observer] : []), ...(logging ? [logging] : []), order.observer]
  try {
    const result = await order.train(experiment, {
      // Two runs of one second have one name; in a bucket that they share, one would find the other's stop request.
      run: `${run}-${randomUUID().slice(0, 8)}`,
      cloud,
      observer: observers(watchers),
      signal,
      ...(envCode && { envCode }),
      ...(saving && { checkpoint: saving }),
      ...(keep && { keepDiverged: keep }),
      ...(resumed && { attempt: resumed.attempt, resume: resumed.from?.bytes, earlier: spentBy(resumed) }),
    })
    const nothing = noUpdate(result.summary)
    if (nothing) throw nothing
    end = 'ended'
    return result
  } finally {
    // A result must not be lost, nor an error hidden, because something did not close.
    await cloud.close().catch(order.onCloseError)
    const records = (await log?.close(end).catch(order.onCloseError)) ?? []
    if (records.length > 0) order.onFaults?.(records)
  }
}

const wentOn = ({ rollouts }: Experiment, resumed: Resumed | undefined): WentOn => ({
  trainedSteps: resumed?.from?.checkpoint.state.clocks.trainedSteps ?? 0,
  stepsPerFragment: rollouts.fragmentLength * rollouts.envsPerShard,
})

/** The account of fragments is there before a checkpoint that was trained on them. */
const noted =
  (setting: CheckpointSetting, log: FaultLog): CheckpointSetting['save'] =>
  async (...checkpoint) => {
    await log.note()
    await setting.save(...checkpoint)
  }

interface Saving {
  readonly order: RunOrder
  readonly log: MetricsLog
  readonly envCode: Uint8Array | undefined
}

/** A checkpoint is written after the metrics lines of its updates, because a resumed run does not write those lines again. */
function checkpointing(folder: RunFolder, { order, log, envCode }: Saving): CheckpointSetting {
  const { experiment, run, checkpointSeconds = CHECKPOINT_SECONDS } = order
  const { files } = folder
  const everyMs = checkpointSeconds * 1000
  const source = { experiment, env: asDefinition(experiment.env).id, ownEnv: envCode !== undefined }
  return {
    everyMs,
    firstMs: Math.min(everyMs, FIRST_CHECKPOINT_MS),
    atEveryEnd: true,
    withPolicy: true,
    async save(bytes, updates, policy) {
      await folder.claim.renew()
      await log.sync()
      await saveCheckpoint(folder.file(RUN_FILES.checkpoints), { bytes, updates }, files)
      if (!policy) return
      const record = policyRecord({ ...source, policy: policy.model, spec: policy.spec }, run, updates)
      await writeWhole(folder.file(RUN_FILES.policy), policy.model, files)
      await writeWhole(folder.file(RUN_FILES.policySpec), jsonFile(record), files)
    },
  }
}

/** Renews the claim and writes where the run stands, every second and at the end. */
function keepStanding(
  folder: RunFolder,
  { every, onError, attempt }: Pick<RunOrder, 'every' | 'onError'> & { readonly attempt: number },
) {
  let newest: Progress | undefined
  let writtenMs = -Infinity
  let working = Promise.resolve()
  const write = async (sinceMs: number) => {
    try {
      await folder.claim.renew()
      if (!newest || newest.atMs - writtenMs < sinceMs) return
      writtenMs = newest.atMs
      await writeStanding(folder, attempt, newest)
    } catch (error) {
      onError(isMillraceError(error) ? error : diskError(error, 'write', folder.file(RUN_FILES.progress)))
    }
  }
  const stop = every(STANDING_EVERY_MS, () => {
    working = working.then(() => write(STANDING_EVERY_MS * 0.9)) // a timer may be a little early
  })
  return {
    set(progress: Progress) {
      const first = newest === undefined
      newest = progress
      if (first) working = working.then(() => write(0))
    },
    async close() {
      stop()
      await (working = working.then(() => write(0)))
    },
  }
}

const attemptOf = (resumed: Resumed | undefined): number => resumed?.attempt ?? 1
const updatesOf = (resumed: Resumed): number => resumed.from?.checkpoint.state.clocks.updates ?? 0

const spentBy = ({ progress }: Resumed) => progress && { elapsedMs: progress.atMs, costUsd: progress.costUsd }

function tell(observer: RunObserver, text: string): void {
  observer.onEvent?.({ level: 'warn', text })
}

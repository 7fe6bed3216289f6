import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Checkpoint, checkpointOf } from '../../learner/checkpoint/checkpoint.ts'
import type { Experiment } from '../../learner/experiment.ts'
import { overBy } from '../../learner/run/goal.ts'
import { settingsRecord } from '../../learner/run/files.ts'
import type { Progress, RunSummary } from '../../learner/run/observer.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import { Name } from '../../shared/protocol/names.ts'
import { Pair } from '../load/pair.ts'
import { newestCheckpoint, removeTemporary } from './checkpoints.ts'
import { nodeFiles, type FileSystem } from './disk.ts'
import { RUN_FILES, createRunFolder, openRunFolder, type RunFolder } from './runFolder.ts'
import { differences, listed } from './sameSettings.ts'
import { readJson, readStanding, readSummary } from './standing.ts'

const RunConfig = z.object({
  format: z.literal(1),
  run: Name,
  startedAt: z.iso.datetime(),
  attempt: z.number().int().min(1).default(1),
  experiment: z.record(z.string(), z.unknown()),
  file: z.string().optional(),
  pair: Pair.optional(),
  set: z.record(z.string(), z.string()).default({}),
  versions: z.object({ millrace: z.string() }),
})
/** What `config.json` says of a run. */
export type RunConfig = z.infer<typeof RunConfig>

/** @returns undefined when the folder has no `config.json` of a run that this Millrace can read */
export async function readConfig(path: string): Promise<RunConfig | undefined> {
  return RunConfig.safeParse(await readJson(join(path, RUN_FILES.config))).data
}

/** @throws MillraceError E_RUN_FOLDER when the folder holds no run */
export async function configOf(path: string): Promise<RunConfig> {
  const config = await readConfig(path)
  if (config) return config
  const isThere = existsSync(join(path, RUN_FILES.config))
  throw new MillraceError(
    'E_RUN_FOLDER',
    isThere
      ? `cannot go on with the run in ${path}: its ${RUN_FILES.config} is damaged, or of another version of Millrace`
      : `there is no run to go on with in ${path}: it has no ${RUN_FILES.config} of one`,
  )
}

/** Where the next attempt of a run starts. */
export interface Resumed {
  readonly config: RunConfig
  readonly attempt: number
  /** The checkpoint to resume from; undefined when the run has none and starts from the beginning. */
  readonly from: { readonly bytes: Uint8Array; readonly checkpoint: Checkpoint } | undefined
  /** Progress, time and cost of all earlier attempts, including what was spent after the checkpoint. */
  readonly progress: Progress | undefined
  /** How the run ended, when there is nothing to resume: its goal or a limit is reached. */
  readonly finished: Omit<RunSummary, 'curve'> | undefined
}

export interface ResumeOptions {
  /** This Millrace's own. */
  readonly version: string
  readonly tell: (text: string) => void
}

/**
 * Finds the checkpoint to resume from, and checks that the folder belongs to this experiment. Only what `sameSettings.ts` names may have changed.
 *
 * @throws MillraceError E_RUN_FOLDER when it is of another experiment or version of Millrace, E_CHECKPOINT when none can be read, E_DISK
 */
export async function resumeRun(folder: RunFolder, experiment: Experiment, options: ResumeOptions): Promise<Resumed> {
  const { version, tell } = options
  const { path, files } = folder
  const config = await configOf(path)
  checkConfig(path, config, { experiment, version })
  const [summary, progress] = await Promise.all([readSummary(path), readStanding(path)])
  const attempt = config.attempt + 1
  const finished = summary && overAlready(summary, experiment)
  if (finished) return { config, attempt: config.attempt, from: undefined, progress, finished }
  const checkpoints = join(path, RUN_FILES.checkpoints)
  await removeTemporary(path, files)
  await removeTemporary(checkpoints, files)
  const from = await newestCheckpoint(checkpoints, { read: (bytes) => checkpointOf(experiment, bytes), tell, files })
  if (!from && summary && summary.progress.updates > 0)
    throw new MillraceError(
      'E_RUN_FOLDER',
      `the run in ${path} has no checkpoint to go on from; start it anew in another folder`,
    )
  return { config, attempt, from, progress, finished: undefined }
}

/** Why the run is already over under its current limits, if it is. */
function overAlready(summary: Omit<RunSummary, 'curve'>, experiment: Experiment): Resumed['finished'] {
  const reason = overBy(experiment, summary.progress) ?? (summary.reason === 'ended' ? 'ended' : undefined)
  return reason && { ...summary, reason }
}

function checkConfig(
  path: string,
  config: RunConfig,
  { experiment, version }: { readonly experiment: Experiment; readonly version: string },
): void {
  if (config.versions.millrace !== version) {
    const sentence = `the run in ${path} is of Millrace ${config.versions.millrace}, and this is ${version}; go on with it by that version`
    throw new MillraceError('E_RUN_FOLDER', sentence)
  }
  const changes = settingsChanged(config, experiment)
  if (changes.length === 0) return
  throw new MillraceError(
    'E_RUN_FOLDER',
    `the run in ${path} is of other settings: ${listed(changes)}; only stop, budget, faults, rollouts.shards and rollouts.functions may change when a run goes on`,
  )
}

/** The settings that differ from the run's and may not. */
export function settingsChanged(config: RunConfig, experiment: Experiment): string[] {
  return differences(config.experiment, settingsRecord(experiment, asDefinition(experiment.env).id))
}

export interface TakenUp {
  readonly folder: RunFolder
  /** undefined when the folder was empty and a new run starts in it. */
  readonly resumed: Resumed | undefined
}

/**
 * Claims a run folder in order to resume its run. With `orBegin` the folder may be empty or missing.
 *
 * @throws MillraceError as `openRunFolder` and `resumeRun`; the folder is left as it was
 */
export async function takeUp(
  path: string,
  experiment: Experiment,
  options: ResumeOptions & { readonly orBegin?: boolean; readonly files?: FileSystem },
): Promise<TakenUp> {
  const { orBegin = false, files = nodeFiles } = options
  const names = orBegin ? await files.readdir(path).catch(() => undefined) : []
  if (names === undefined) return { folder: await createRunFolder(path, files), resumed: undefined }
  const folder = await openRunFolder(path, files)
  try {
    if (orBegin && (await files.readdir(path)).every((name) => name.startsWith('.')))
      return { folder, resumed: undefined }
    return { folder, resumed: await resumeRun(folder, experiment, options) }
  } catch (error) {
    await folder.release()
    throw error
  }
}

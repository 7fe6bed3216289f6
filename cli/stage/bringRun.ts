import { existsSync, readFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RunStatus } from '../../learner/stage/records.ts'
import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { checkedName } from '../../shared/protocol/names.ts'
import { diskError, nodeFiles, type FileSystem } from '../../library/run/disk.ts'
import { readPolicy } from '../../library/run/records.ts'
import { RUN_FILES, createFreshRunFolder, createRunFolder, type RunFolder } from '../../library/run/runFolder.ts'
import { patiently, type Patience } from './patience.ts'
import { checkedResult } from './results.ts'
import type { Stage } from './stage.ts'
import { makeFolder } from '../../shared/makeFolder.ts'

export interface Bringing {
  readonly stage: Stage
  readonly cwd: string
  /** The folder that the user named. */
  readonly out?: string | undefined
  readonly patience: Patience
  readonly files?: FileSystem | undefined
}

export interface Brought {
  /** The folder's absolute path. */
  readonly path: string
  /** Missing for a run that was stopped without its learner, and for one that failed before its first checkpoint. */
  readonly policy: boolean
}

/** Written last: a folder that has it is whole. */
const WHOLE = RUN_FILES.summary
const FIRST = [RUN_FILES.config, RUN_FILES.policy, RUN_FILES.policySpec, RUN_FILES.envCode, RUN_FILES.curve]

/**
 * Downloads the results of a run into a run folder like that of `train`. A folder that was downloaded before
 * is found again. An incomplete download is removed.
 *
 * @returns undefined when aborted, or when the run was stopped before there was anything
 * @throws MillraceError E_DISK, E_RUN when the bucket no longer has it all, and as the store does
 */
export async function bringRun(status: RunStatus, bringing: Bringing): Promise<Brought | undefined> {
  const { cwd, out, files = nodeFiles } = bringing
  const usual = resolve(cwd, 'runs', checkedName(status.run))
  const wanted = out === undefined ? usual : resolve(cwd, out)
  if (holds(wanted, status.run)) return found(wanted)
  const folder =
    out === undefined
      ? await createFreshRunFolder(resolve(cwd, 'runs'), status.run, files)
      : await createRunFolder(wanted, files)
  try {
    if (await fill(folder, status, { ...bringing, files })) {
      await folder.release()
      return found(folder.path)
    }
  } catch (error) {
    await folder.discard()
    throw error
  }
  await folder.discard()
  return undefined
}

const found = (path: string): Brought => ({ path, policy: existsSync(join(path, RUN_FILES.policySpec)) })

/** @throws MillraceError E_RUN_FOLDER when the folder that a run is to go to is not free, E_DISK when it cannot be made; better now than when the run is over */
export async function checkOut(out: string | undefined, cwd: string): Promise<void> {
  if (out === undefined) return
  const path = resolve(cwd, out)
  try {
    if ((await readdir(path)).length === 0) return
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw diskError(error, 'make', path)
    return await tryToMake(path)
  }
  throw new MillraceError('E_RUN_FOLDER', `the run folder ${path} is not empty; name another one with --out`)
}

/** Checks whether a folder can be made by making and removing it, since its rights alone do not tell. @throws MillraceError E_USAGE, E_DISK */
async function tryToMake(path: string): Promise<void> {
  try {
    const made = await makeFolder(path)
    if (made !== undefined) await rm(made, { recursive: true })
  } catch (error) {
    throw diskError(error, 'make', path)
  }
}

async function fill(
  folder: RunFolder,
  status: RunStatus,
  { stage, patience, files }: Bringing & { readonly files: FileSystem },
): Promise<boolean> {
  const { run } = status
  const get = (key: string) => patiently(() => stage.store.get(key), patience)
  const copy = async (name: string): Promise<boolean> => {
    const read = await get(keys.result(run, name))
    if (read === undefined) return false
    const whole = checkedResult(read, status, name)
    if (whole.kind !== 'found') return false
    await folder.write(name, whole.body)
    return true
  }
  // All of them end before anything else: a folder that is discarded while a file is still written would come back.
  const copied = await Promise.allSettled(FIRST.map(copy))
  for (const one of copied) if (one.status === 'rejected') throw one.reason
  const brought = copied.some((one) => one.status === 'fulfilled' && one.value)
  if (patience.signal.aborted) return false
  const lines = await copyMetrics(folder.file(RUN_FILES.metrics), status, { get, files })
  if (existsSync(folder.file(RUN_FILES.policySpec))) checkPolicy(folder.path)
  else if (status.summary && status.summary.reason !== 'interrupted')
    throw new MillraceError('E_RUN', `the policy of run '${run}' is no longer in the bucket`)
  const whole = await copy(WHOLE)
  return !patience.signal.aborted && (brought || lines || whole)
}

/** The pieces of the metrics log as one file. @returns whether there is one */
async function copyMetrics(
  path: string,
  { run, metricsPieces }: RunStatus,
  {
    get,
    files,
  }: {
    get(this: void, key: string): Promise<Awaited<ReturnType<Stage['store']['get']>> | undefined>
    readonly files: FileSystem
  },
): Promise<boolean> {
  if (metricsPieces === 0) return false
  try {
    const handle = await files.open(path, 'wx')
    try {
      for (let piece = 0; piece < metricsPieces; piece++) {
        const read = await get(keys.metrics(run, piece))
        if (read === undefined) return false
        if (read.kind === 'found') await handle.appendFile(read.body)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw error instanceof MillraceError ? error : diskError(error, 'write', path)
  }
  return true
}

/** @throws MillraceError E_RUN when the files do not belong together */
function checkPolicy(path: string): void {
  const { record } = readPolicy(path)
  const code = join(path, RUN_FILES.envCode)
  if (record.env.own && !existsSync(code))
    throw new MillraceError('E_RUN', `the code of env '${record.env.id}' is no longer in the bucket`)
}

/** Is this run there already, whole? */
function holds(path: string, run: string): boolean {
  try {
    return (JSON.parse(readFileSync(join(path, WHOLE), 'utf8')) as { readonly run?: unknown }).run === run
  } catch {
    return false // not there, or not ours
  }
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { RUN_FILES, jsonFile } from '../../learner/run/files.ts'
import type { Progress, RunSummary } from '../../learner/run/observer.ts'
import { ProgressRecord, RunSummaryRecord } from '../../learner/stage/records.ts'
import { diskError, writePlain } from './disk.ts'
import type { RunFolder } from './runFolder.ts'

/** How often a run writes its progress. */
export const STANDING_EVERY_MS = 1_000

/** Time and money of earlier attempts: a damaged file must not give any back. */
const SpentRecord = ProgressRecord.strip().refine(({ atMs, costUsd }) => atMs >= 0 && costUsd >= 0)

const StandingRecord = z.object({
  format: z.literal(1),
  attempt: z.number().int(),
  at: z.string(),
  progress: SpentRecord,
})

/**
 * Writes the run's progress, so that the time and cost after its last checkpoint are known even when its process is killed. Not forced onto the
 * disk (no fsync): the file survives a killed process. After a power failure the checkpoint remains.
 *
 * @throws MillraceError E_DISK
 */
export async function writeStanding(folder: RunFolder, attempt: number, progress: Progress): Promise<void> {
  const record = { format: 1, attempt, at: new Date().toISOString(), progress }
  const path = folder.file(RUN_FILES.progress)
  const temporary = join(folder.path, `.${RUN_FILES.progress}.tmp`)
  const { files } = folder
  try {
    await writePlain(temporary, jsonFile(record), { flag: 'w', files })
    await files.rename(temporary, path)
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {}) // the first failure is the one to report
    throw diskError(error, 'write', path)
  }
}

/**
 * Progress of a run over all its attempts. Time and cost are at least what was used, and at most one second more.
 *
 * @returns undefined when its files do not tell
 */
export async function readStanding(path: string): Promise<Progress | undefined> {
  const summary = (await readSummary(path))?.progress
  const killed = StandingRecord.safeParse(await readJson(join(path, RUN_FILES.progress))).data?.progress
  // A killed process may have run for up to a second after it wrote this.
  const late = killed && {
    ...killed,
    atMs: killed.atMs + STANDING_EVERY_MS,
    costUsd: killed.costUsd * (1 + STANDING_EVERY_MS / Math.max(STANDING_EVERY_MS, killed.atMs)),
  }
  return summary && late && summary.atMs > late.atMs ? summary : (late ?? summary)
}

const StoredSummary = RunSummaryRecord.omit({ curve: true }).extend({ progress: SpentRecord }).strip()

/** `summary.json`: there when the last attempt ended by itself. */
export async function readSummary(path: string): Promise<Omit<RunSummary, 'curve'> | undefined> {
  return StoredSummary.safeParse(await readJson(join(path, RUN_FILES.summary))).data
}

/** The data of a JSON file, undefined when it cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown
  } catch {
    return undefined
  }
}

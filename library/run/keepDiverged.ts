import { join } from 'node:path'
import { RUN_FILES, divergedFile } from '../../learner/run/files.ts'
import { diskError, writeWhole } from './disk.ts'
import type { RunFolder } from './runFolder.ts'

/** Writes the batch of an update that diverged into the run's folder. @returns its path @throws MillraceError E_DISK */
export async function keepDiverged(run: RunFolder, batch: Uint8Array, update: number): Promise<string> {
  const folder = run.file(RUN_FILES.diverged)
  await run.files.mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw diskError(error, 'make', folder)
  })
  const path = join(folder, divergedFile(update))
  await writeWhole(path, batch, run.files)
  return path
}

import { basename, join } from 'node:path'
import type { Checkpoint } from '../../learner/checkpoint/checkpoint.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { diskError, errorCode, writeWhole, type FileSystem } from './disk.ts'

/** Two are kept, in case the newest is damaged. */
const KEPT = 2
/** `<updates>-<first 16 digits of the SHA-256 of the file>.safetensors` */
const NAME = /^(\d{9,})-([0-9a-f]{16})\.safetensors$/

export interface FoundCheckpoint {
  readonly bytes: Uint8Array
  readonly checkpoint: Checkpoint
}

/**
 * Saves a checkpoint. It is whole and on the disk before an older one is removed.
 *
 * @param folder of the checkpoints of one run
 * @throws MillraceError E_DISK
 */
export async function saveCheckpoint(
  folder: string,
  { bytes, updates }: { readonly bytes: Uint8Array; readonly updates: number },
  files: FileSystem,
): Promise<void> {
  const name = `${String(updates).padStart(9, '0')}-${sha256Hex(bytes).slice(0, 16)}.safetensors`
  await files.mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw diskError(error, 'make', folder)
  })
  await writeWhole(join(folder, name), bytes, files)
  await syncFolder(folder, files)
  const found = await checkpointNames(folder, files)
  for (const old of found.slice(0, -KEPT)) await files.rm(join(folder, old), { force: true })
}

/**
 * Finds the newest whole checkpoint. Half-written files of a killed process are removed.
 *
 * @param read decodes it, and refuses one of another experiment with E_CHECKPOINT
 * @param tell called for each damaged checkpoint
 * @returns undefined when there is none
 * @throws MillraceError E_CHECKPOINT when there are some, and none of them is of use; E_DISK
 */
export async function newestCheckpoint(
  folder: string,
  {
    read,
    tell,
    files,
  }: {
    readonly read: (bytes: Uint8Array) => Checkpoint
    readonly tell: (text: string) => void
    readonly files: FileSystem
  },
): Promise<FoundCheckpoint | undefined> {
  const names = await checkpointNames(folder, files)
  let failure: MillraceError | undefined
  for (const name of names.toReversed()) {
    const path = join(folder, name)
    const bytes = await files.readFile(path).catch((error: unknown) => {
      throw diskError(error, 'read', path)
    })
    try {
      if (!name.includes(`-${sha256Hex(bytes).slice(0, 16)}.`))
        throw new MillraceError('E_CHECKPOINT', 'it is damaged: its content is not what was written')
      return { bytes, checkpoint: read(bytes) }
    } catch (error) {
      if (!isMillraceError(error, 'E_CHECKPOINT')) throw error
      failure ??= new MillraceError('E_CHECKPOINT', `${path}: ${error.message}`, error.where, { cause: error })
      tell(`${basename(path)}: ${error.message}`)
    }
  }
  if (failure) throw failure
  return undefined
}

/** Oldest first. */
export async function checkpointNames(folder: string, files: FileSystem): Promise<string[]> {
  const names = await files.readdir(folder).catch((error: unknown): string[] => {
    if (errorCode(error) === 'ENOENT') return []
    throw diskError(error, 'read', folder)
  })
  return names.filter((name) => NAME.test(name)).sort()
}

/** Removes temporary files that a killed process left. */
export async function removeTemporary(folder: string, files: FileSystem): Promise<void> {
  const names = await files.readdir(folder).catch((): string[] => [])
  for (const name of names)
    if (/^\..+\.tmp$/.test(name)) await files.rm(join(folder, name), { force: true }).catch(() => {})
}

/** After a rename the folder itself has to be synced to disk. Not every system supports that; then it is skipped. */
async function syncFolder(folder: string, files: FileSystem): Promise<void> {
  try {
    const handle = await files.open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch {
    return
  }
}

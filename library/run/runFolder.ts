import { dirname, join } from 'node:path'
import { jsonFile } from '../../learner/runFiles.ts'
import { MillraceError } from '../../shared/errors.ts'
import { checkedName } from '../../shared/protocol/names.ts'
import { diskError, nodeFiles, writeWhole, type FileSystem } from './disk.ts'

export { RUN_FILES } from '../../learner/runFiles.ts'

/** The folder a run leaves behind. */
export interface RunFolder {
  readonly path: string
  file(name: string): string
  /** @throws MillraceError E_DISK; the file is whole or not there */
  write(name: string, body: Uint8Array | string): Promise<void>
  writeJson(name: string, value: unknown): Promise<void>
  /** Removes the folder and the folders made for it, for a run that never began. */
  discard(): Promise<void>
}

/**
 * Makes the run folder that a user named; an empty one may be there.
 *
 * @throws MillraceError E_DISK when it cannot be made, or holds files already
 */
export async function createRunFolder(path: string, files: FileSystem = nodeFiles): Promise<RunFolder> {
  let firstMade: string | undefined
  let names: readonly string[]
  try {
    firstMade = await files.mkdir(path, { recursive: true })
    names = await files.readdir(path)
  } catch (error) {
    // mkdir calls a file in the folder's place "there already", which is not what is wrong with it.
    if (!isThere(error)) throw diskError(error, 'make', path)
    throw new MillraceError(
      'E_DISK',
      `cannot make the run folder ${path}: there is a file of that name`,
      {},
      { cause: error },
    )
  }
  if (names.length > 0) {
    throw new MillraceError('E_DISK', `the run folder ${path} is not empty; name another one with --out`)
  }
  return runFolder(path, { firstMade, files })
}

/**
 * Makes a run folder that nobody has, of this name or, where a run of the same second took it, with a number behind it.
 *
 * @throws MillraceError E_DISK, E_RUN for a name that could lead elsewhere
 */
export async function createFreshRunFolder(
  parent: string,
  name: string,
  files: FileSystem = nodeFiles,
): Promise<RunFolder> {
  const wanted = join(parent, checkedName(name))
  try {
    const madeParent = await files.mkdir(parent, { recursive: true })
    for (let n = 1; ; n++) {
      const path = n === 1 ? wanted : `${wanted}-${n}`
      try {
        await files.mkdir(path)
        return runFolder(path, { firstMade: madeParent ?? path, files })
      } catch (error) {
        if (!isThere(error)) throw error
      }
    }
  } catch (error) {
    throw diskError(error, 'make', wanted)
  }
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

function runFolder(
  path: string,
  { firstMade, files }: { firstMade: string | undefined; files: FileSystem },
): RunFolder {
  const file = (name: string) => join(path, name)
  const write = (name: string, body: Uint8Array | string) => writeWhole(file(name), body, files)
  return {
    path,
    file,
    write,
    writeJson: (name, value) => write(name, jsonFile(value)),
    async discard() {
      for (const name of await files.readdir(path).catch(() => [])) {
        await files.rm(join(path, name), { recursive: true, force: true })
      }
      if (firstMade !== undefined) await removeEmpty(path, dirname(firstMade), files)
    },
  }
}

/** Removes a folder and those above it up to, not including, `stop`, as long as they are empty. */
async function removeEmpty(path: string, stop: string, files: FileSystem): Promise<void> {
  for (let folder = path; folder !== stop && folder !== dirname(folder); folder = dirname(folder)) {
    const names = await files.readdir(folder).catch(() => ['unreadable'])
    if (names.length > 0) return
    await files.rm(folder, { recursive: true, force: true })
  }
}

/** Of an experiment's name: moment, seed and what else makes a run's name unique stay within `NAME_LETTERS`. */
const SLUG_LETTERS = 64

/**
 * A run's name: experiment, moment (UTC), seed. It is also the default name of its folder and the beginning of its objects' prefix.
 *
 * @param at ms since the epoch
 */
export function runName(experiment: string, at: number, seed: number): string {
  const slug =
    experiment
      .slice(0, SLUG_LETTERS)
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[.-]+|[.-]+$/g, '') || 'run'
  const stamp = new Date(at).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${slug}-${stamp}-${seed}`
}

import { dirname, join } from 'node:path'
import { RUN_FILES, jsonFile } from '../../learner/run/files.ts'
import { MillraceError } from '../../shared/errors.ts'
import { checkedName } from '../../shared/protocol/names.ts'
import { type Claim, claimFolder, isClaimFile } from './claim.ts'
import { diskError, errorCode, nodeFiles, writeWhole, type FileSystem } from './disk.ts'

export { RUN_FILES } from '../../learner/run/files.ts'

/** The folder a run leaves behind. It belongs to this run alone until it is released or discarded. */
export interface RunFolder {
  readonly path: string
  readonly claim: Pick<Claim, 'renew'>
  readonly files: FileSystem
  /** The path of a file that this run makes. */
  file(name: string): string
  /** @throws MillraceError E_DISK; the file is whole or not there */
  write(name: string, body: Uint8Array | string): Promise<void>
  writeJson(name: string, value: unknown): Promise<void>
  /** Releases the claim, so that another run can use the folder. */
  release(): Promise<void>
  /** Removes the files and folders that this run made, when the run never began. Files of others stay. */
  discard(): Promise<void>
}

/**
 * Makes the run folder that a user named, and claims it; an empty one may be there.
 *
 * @throws MillraceError E_DISK when it cannot be made, E_RUN_FOLDER when it holds files already or another run has it
 */
export async function createRunFolder(path: string, files: FileSystem = nodeFiles): Promise<RunFolder> {
  let firstMade: string | undefined
  try {
    firstMade = await files.mkdir(path, { recursive: true })
  } catch (error) {
    throw notMade(error, path)
  }
  const made = { firstMade, files }
  try {
    await refuseFull(path, files) // before the claim: a folder with other things in it is not written to
  } catch (error) {
    await removeMade(path, made)
    throw error
  }
  const folder = await claimed(path, { takeOver: false, ...made })
  try {
    await refuseFull(path, files)
  } catch (error) {
    await folder.discard()
    throw error
  }
  return folder
}

/** A path that leads through a file is a usage error, not a disk error. */
function notMade(error: unknown, path: string): MillraceError {
  // mkdir calls a file in the folder's place "there already", which is not what is wrong with it.
  if (errorCode(error) === 'EEXIST')
    return new MillraceError('E_RUN_FOLDER', `cannot make the folder ${path}: there is a file of that name`)
  const failure = diskError(error, 'make', path)
  return errorCode(error) === 'ENOTDIR' ? new MillraceError('E_RUN_FOLDER', failure.message) : failure
}

async function refuseFull(path: string, files: FileSystem): Promise<void> {
  const names = await files.readdir(path).catch((error: unknown) => {
    throw diskError(error, 'read', path)
  })
  // If another run has claimed the folder, the claim's own error says so.
  if (names.some(isClaimFile) || names.length === 0) return
  const run = names.includes(RUN_FILES.config)
  throw new MillraceError(
    'E_RUN_FOLDER',
    run
      ? `the run folder ${path} holds a run; go on with it (--resume), or name another folder with --out`
      : `the run folder ${path} is not empty; name another one with --out`,
  )
}

/**
 * Makes a new run folder of this name. If a run of the same second took the name, a number is added.
 *
 * @throws MillraceError E_RUN_FOLDER, E_USAGE, E_DISK, E_RUN for a name that could lead elsewhere
 */
export async function createFreshRunFolder(
  parent: string,
  name: string,
  files: FileSystem = nodeFiles,
): Promise<RunFolder> {
  const wanted = join(parent, checkedName(name))
  try {
    const madeParent = await files.mkdir(parent, { recursive: true }).catch((error: unknown) => {
      throw notMade(error, parent)
    })
    for (let n = 1; ; n++) {
      const path = n === 1 ? wanted : `${wanted}-${n}`
      try {
        await files.mkdir(path)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
        continue
      }
      return await claimed(path, { takeOver: false, firstMade: madeParent ?? path, files })
    }
  } catch (error) {
    throw error instanceof MillraceError ? error : notMade(error, wanted)
  }
}

/**
 * Claims the folder of a run in order to resume it. A claim whose process is gone is taken over.
 *
 * @throws MillraceError E_RUN_FOLDER when there is none, or another run is at work in it; E_DISK
 */
export async function openRunFolder(path: string, files: FileSystem = nodeFiles): Promise<RunFolder> {
  const there = await files.stat(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw diskError(error, 'read', path)
    throw new MillraceError('E_RUN_FOLDER', `there is no run folder ${path}`)
  })
  if (!there.isDirectory()) throw new MillraceError('E_RUN_FOLDER', `${path} is a file, not a run folder`)
  return await claimed(path, { takeOver: true, firstMade: undefined, files })
}

interface Made {
  readonly firstMade: string | undefined
  readonly files: FileSystem
}

async function claimed(path: string, made: Made & { readonly takeOver: boolean }): Promise<RunFolder> {
  const { files, takeOver } = made
  const claim = await claimFolder(path, { takeOver, files }).catch(async (error: unknown) => {
    await removeMade(path, made)
    throw error
  })
  const own = new Set<string>()
  const file = (name: string) => {
    own.add(name)
    return join(path, name)
  }
  const write = (name: string, body: Uint8Array | string) => writeWhole(file(name), body, files)
  return {
    path,
    claim,
    files,
    file,
    write,
    writeJson: (name, value) => write(name, jsonFile(value)),
    release: () => claim.release(),
    async discard() {
      for (const name of own) await files.rm(join(path, name), { recursive: true, force: true })
      await claim.release()
      await removeMade(path, made)
    },
  }
}

/** Removes the folder and those above it that were made for it, as long as they are empty. */
async function removeMade(path: string, { firstMade, files }: Made): Promise<void> {
  if (firstMade === undefined) return
  const stop = dirname(firstMade)
  for (let folder = path; folder !== stop && folder !== dirname(folder); folder = dirname(folder)) {
    try {
      await files.rmdir(folder)
    } catch {
      return // not empty: somebody else's
    }
  }
}

/** Longest experiment name in a run's name, so that time, seed and suffix still fit into `NAME_LETTERS`. */
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

import { link, mkdir, open, readFile, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { diskReason, errorCode } from '../../shared/diskReason.ts'
import { MillraceError } from '../../shared/errors.ts'
import { makeFolder } from '../../shared/makeFolder.ts'

/** The node:fs/promises functions that write a run folder. Tests pass functions that fail. */
export interface FileSystem {
  readonly mkdir: typeof mkdir
  readonly open: typeof open
  readonly readFile: typeof readFile
  readonly readdir: typeof readdir
  readonly rename: typeof rename
  readonly rm: typeof rm
  readonly rmdir: typeof rmdir
  readonly link: typeof link
  readonly stat: typeof stat
  readonly utimes: typeof utimes
}

const folders = async (path: string, options?: { readonly recursive?: boolean }) =>
  await (options?.recursive === true ? makeFolder(path) : mkdir(path))

export const nodeFiles: FileSystem = {
  mkdir: folders as typeof mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  link,
  stat,
  utimes,
}

export { errorCode }

/** Error codes for a path that cannot be a folder. They are usage errors, not disk errors. */
const WRONG_PATH = ['ENOTDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EINVAL']

/** What a failed file operation means, in one sentence: E_DISK, or E_USAGE when something cannot be made where a path leads. */
export function diskError(error: unknown, verb: 'write' | 'read' | 'make', path: string): MillraceError {
  const wrong = verb === 'make' && WRONG_PATH.includes(errorCode(error))
  const code = wrong ? 'E_USAGE' : 'E_DISK'
  return new MillraceError(code, `cannot ${verb} ${path}: ${diskReason(error)}`, {}, { cause: error })
}

/** Writes a file in its place: as `wx` only where there is none. @throws the system's own error */
export async function writePlain(
  path: string,
  body: string,
  { flag, files }: { readonly flag: 'w' | 'wx'; readonly files: FileSystem },
): Promise<void> {
  const handle = await files.open(path, flag)
  try {
    await handle.writeFile(body)
  } finally {
    await handle.close()
  }
}

/**
 * Writes a file atomically, so that it is whole or missing even when the process dies: into a temporary file beside
 * it, then renamed.
 *
 * @throws MillraceError E_DISK; nothing is left behind
 */
export async function writeWhole(
  path: string,
  body: Uint8Array | string,
  files: FileSystem = nodeFiles,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  try {
    const handle = await files.open(temporary, 'w')
    try {
      await handle.writeFile(body)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await files.rename(temporary, path)
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {}) // the first failure is the one to report
    throw diskError(error, 'write', path)
  }
}

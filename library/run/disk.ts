import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MillraceError } from '../../shared/errors.ts'

/** The calls of node:fs/promises a run folder is written with; a test passes some that fail. */
export interface FileSystem {
  readonly mkdir: typeof mkdir
  readonly open: typeof open
  readonly readFile: typeof readFile
  readonly readdir: typeof readdir
  readonly rename: typeof rename
  readonly rm: typeof rm
}

export const nodeFiles: FileSystem = { mkdir, open, readFile, readdir, rename, rm }

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it is there already',
  ENOENT: 'there is no such file or folder',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  EIO: 'the disk reports an error',
}

/** Not the disk's fault: a path that was named cannot be a folder. */
const WRONG_PATH = ['ENOTDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EINVAL']

/** What a failed file operation means, in one sentence: E_DISK, or E_USAGE when something cannot be made where a path leads. */
export function diskError(error: unknown, verb: 'write' | 'read' | 'make', path: string): MillraceError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error))
  const wrong = verb === 'make' && WRONG_PATH.includes(code)
  return new MillraceError(wrong ? 'E_USAGE' : 'E_DISK', `cannot ${verb} ${path}: ${reason}`, {}, { cause: error })
}

/**
 * Writes a file so that under its name there is all of it or nothing, even when the process dies: into a temporary file beside
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

import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'

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
  ENOTEMPTY: 'the folder is not empty',
  EBUSY: 'another program has it open',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  EIO: 'the disk reports an error',
}

/** The system's code of a failed file operation, or an empty one. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** Why a file operation failed, in words. */
export function diskReason(error: unknown): string {
  const code = errorCode(trueFailure(error))
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error))
}

/**
 * Node's mkdir with `recursive` says ENOENT for whatever keeps it from making a folder (on a read-only file
 * system, for one). Making the topmost missing folder by itself tells what it was.
 */
function trueFailure(error: unknown): unknown {
  if (errorCode(error) !== 'ENOENT' || !(error instanceof Error) || !('syscall' in error) || !('path' in error))
    return error
  if (error.syscall !== 'mkdir' || typeof error.path !== 'string') return error
  let missing = error.path
  while (!existsSync(dirname(missing)) && dirname(missing) !== missing) missing = dirname(missing)
  try {
    mkdirSync(missing)
    rmdirSync(missing) // it can be made by now: what was reported is all that is known
    return error
  } catch (failure) {
    return failure
  }
}

import type { FileHandle } from 'node:fs/promises'
import { hasLine } from '../../learner/run/metricsThinning.ts'
import { diskError, errorCode, type FileSystem } from './disk.ts'

const CHUNK = 64 * 1024
const NEWLINE = 10

/**
 * Cuts a metrics log after the line of update `updates`, where the next attempt starts. Later lines, and a last line that is not
 * whole, are removed. The file is read from its end: a long run's log is large, and little is cut.
 *
 * @returns the update of the last line that stays, 0 when none does
 * @throws MillraceError E_DISK
 */
export async function cutMetrics(path: string, updates: number, files: FileSystem): Promise<number> {
  let handle: FileHandle
  try {
    handle = await files.open(path, 'r+')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw diskError(error, 'write', path)
  }
  try {
    const { size } = await handle.stat()
    const { bytes, last } = await wholeUpTo(handle, size, updates)
    if (bytes < size) {
      await handle.truncate(bytes)
      await handle.sync()
    }
    return last
  } catch (error) {
    throw diskError(error, 'write', path)
  } finally {
    await handle.close()
  }
}

/** The number of bytes to keep. */
async function wholeUpTo(handle: FileHandle, size: number, updates: number): Promise<{ bytes: number; last: number }> {
  let from = size
  let text: Buffer = Buffer.alloc(0) // bytes of the file from `from` on, without the lines that were looked at
  for (;;) {
    const end = text.lastIndexOf(NEWLINE)
    const before = end > 0 ? text.lastIndexOf(NEWLINE, end - 1) : -1
    if (end >= 0 && (before >= 0 || from === 0)) {
      const last = updateOf(text.subarray(before + 1, end))
      // The last line of an attempt is always written. A run that was not interrupted would have no line at that update.
      if (last !== undefined && last <= updates && hasLine(last)) return { bytes: from + end + 1, last }
      text = text.subarray(0, before + 1)
    } else if (from === 0) {
      return { bytes: 0, last: 0 }
    } else {
      const start = Math.max(0, from - CHUNK)
      const chunk = Buffer.alloc(from - start)
      await handle.read(chunk, 0, chunk.length, start)
      text = Buffer.concat([chunk, text])
      from = start
    }
  }
}

/** The update that a line of the metrics log is of; undefined for what is no such line. */
export function updateOf(line: Buffer): number | undefined {
  try {
    const data: unknown = JSON.parse(line.toString('utf8'))
    const updates = typeof data === 'object' && data !== null && 'updates' in data ? data.updates : undefined
    return typeof updates === 'number' ? updates : undefined
  } catch {
    return undefined
  }
}

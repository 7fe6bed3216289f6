import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { updateOf } from './cutMetrics.ts'
import { diskError, type FileSystem } from './disk.ts'

const CHUNK = 64 * 1024
const NEWLINE = 10

/**
 * Moves the lines of a metrics log that are no line of an update (a disk or a program damaged them) into a file beside it, so that whoever
 * reads the log meets none and nothing is lost. The log is written anew only where there is one.
 *
 * @param path of a log that ends with a whole line, as `cutMetrics` leaves it
 * @returns how many there were
 * @throws MillraceError E_DISK
 */
export async function setAsideDamaged(path: string, aside: string, files: FileSystem): Promise<number> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  let damaged = 0
  try {
    for await (const line of linesOf(path, files)) if (updateOf(line) === undefined) damaged++
    if (damaged === 0) return 0
    const [good, bad] = [await files.open(temporary, 'w'), await files.open(aside, 'a')]
    try {
      await divide(linesOf(path, files), { good, bad })
      for (const handle of [bad, good]) await handle.sync()
    } finally {
      await Promise.all([good.close(), bad.close()])
    }
    await files.rename(temporary, path)
    return damaged
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => {}) // the first failure is the one to report
    throw diskError(error, 'write', path)
  }
}

async function divide(
  lines: AsyncIterable<Buffer>,
  { good, bad }: { readonly good: FileHandle; readonly bad: FileHandle },
): Promise<void> {
  let held: Buffer[] = []
  let bytes = 0
  const flush = async () => {
    await good.appendFile(Buffer.concat(held))
    held = []
    bytes = 0
  }
  for await (const line of lines) {
    if (updateOf(line) === undefined) {
      await bad.appendFile(line)
      continue
    }
    held.push(line)
    bytes += line.length
    if (bytes >= CHUNK) await flush()
  }
  await flush()
}

/** The whole lines of a file, each with its end. */
async function* linesOf(path: string, files: FileSystem): AsyncGenerator<Buffer> {
  const handle = await files.open(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    for (let at = 0; ;) {
      const chunk = Buffer.alloc(CHUNK)
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, at)
      if (bytesRead === 0) return
      at += bytesRead
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      let from = 0
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, from)) {
        yield rest.subarray(from, end + 1)
        from = end + 1
      }
      rest = rest.subarray(from)
    }
  } finally {
    await handle.close()
  }
}

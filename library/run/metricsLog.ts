import type { FileHandle } from 'node:fs/promises'
import { MetricsThinning } from '../../learner/run/metricsThinning.ts'
import type { UpdateLine } from '../../learner/run/observer.ts'
import type { MillraceError } from '../../shared/errors.ts'
import { diskError, nodeFiles, type FileSystem } from './disk.ts'

const FLUSH_MS = 250
const FLUSH_CHARACTERS = 64 * 1024

export interface MetricsLog {
  /** Takes a line; if the log is to have it (`metricsThinning.ts`), it is on disk within a quarter of a second. */
  add(line: UpdateLine): void
  /** Every line taken so far is on the disk itself when it returns. @throws MillraceError E_DISK */
  sync(): Promise<void>
  /** @throws MillraceError E_DISK when any line could not be written */
  close(): Promise<void>
}

export interface MetricsLogOptions {
  /** Calls `tick` every `ms` until the returned function is called; does not keep the process alive. */
  readonly every: (ms: number, tick: () => void) => () => void
  /** Called once, with E_DISK, when a write failed; nothing is written after that. */
  readonly onError: (error: MillraceError) => void
  readonly files?: FileSystem
  /** Go on with the log that is there, as `cutMetrics` left it. */
  readonly goOn?: boolean
}

/**
 * The metrics log: one JSON line an update (of a very long run, fewer), written behind the caller's back in batches. The file holds whole lines at any
 * moment but in the middle of a write; a write that fails half-way (a full disk) is cut back to the last whole batch.
 *
 * @throws MillraceError E_DISK when the file cannot be made or, unless told to go on with it, is there already
 */
export async function openMetricsLog(path: string, options: MetricsLogOptions): Promise<MetricsLog> {
  const handle = await (options.files ?? nodeFiles).open(path, options.goOn ? 'a' : 'wx').catch((error: unknown) => {
    throw diskError(error, 'write', path)
  })
  let held: string[] = []
  let heldCharacters = 0
  let bytes = options.goOn ? (await handle.stat()).size : 0
  let failure: MillraceError | undefined
  let writing = Promise.resolve()

  const append = async (text: string) => {
    if (failure) return
    try {
      const body = Buffer.from(text)
      await handle.appendFile(body)
      bytes += body.byteLength
    } catch (error) {
      failure = diskError(error, 'write', path)
      await handle.truncate(bytes).catch(() => {}) // the disk is failing: the first failure is the one to report
      options.onError(failure)
    }
  }
  const flush = () => {
    if (held.length === 0) return
    const text = held.join('')
    held = []
    heldCharacters = 0
    writing = writing.then(() => append(text))
  }
  const hold = (line: UpdateLine) => {
    const text = `${JSON.stringify(line)}\n`
    held.push(text)
    heldCharacters += text.length
    if (heldCharacters >= FLUSH_CHARACTERS) flush()
  }
  const thinning = new MetricsThinning()
  const stopTimer = options.every(FLUSH_MS, flush)

  return {
    add(line) {
      if (failure || !thinning.takes(line)) return
      hold(line)
    },
    async sync() {
      flush()
      await writing
      if (failure) throw failure
      await handle.sync().catch((error: unknown) => {
        throw diskError(error, 'write', path)
      })
    },
    async close() {
      stopTimer()
      const rest = thinning.rest()
      if (rest && !failure) hold(rest)
      flush()
      await writing
      await finish(handle, path, failure)
    },
  }
}

async function finish(handle: FileHandle, path: string, failure: MillraceError | undefined): Promise<void> {
  try {
    try {
      if (!failure) await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw failure ?? diskError(error, 'write', path)
  }
  if (failure) throw failure
}

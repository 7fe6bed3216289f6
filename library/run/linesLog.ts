import type { FileHandle } from 'node:fs/promises'
import type { MillraceError } from '../../shared/errors.ts'
import { diskError, type FileSystem } from './disk.ts'

const FLUSH_MS = 250
const FLUSH_CHARACTERS = 64 * 1024
/** Most characters that wait for a slow disk. Lines beyond it are counted and dropped. */
const MAX_WAITING_CHARACTERS = 16 * 1024 * 1024

export interface LinesLogOptions {
  readonly files: FileSystem
  /** Calls `tick` every `ms` until the returned function is called; does not keep the process alive. */
  readonly every: (ms: number, tick: () => void) => () => void
  /** Called once, with E_DISK, when a write failed; nothing is written after that. */
  readonly onError: (error: MillraceError) => void
}

/**
 * A log of text lines in a file that is made with the first of them. Lines are written in batches behind the caller's back; where the disk
 * is slower than they come, memory stays bounded and the log says how many are missing.
 */
export class LinesLog {
  private readonly path: string
  private readonly options: LinesLogOptions
  private readonly stopTimer: () => void
  private handle: FileHandle | undefined
  private held: string[] = []
  private heldCharacters = 0
  private waiting = 0
  private lost = 0
  private failed = false
  private writing = Promise.resolve()
  /** Lines added so far, including those that were dropped. */
  lines = 0

  constructor(path: string, options: LinesLogOptions) {
    this.path = path
    this.options = options
    this.stopTimer = options.every(FLUSH_MS, () => this.flush())
  }

  add(line: string): void {
    this.lines++
    if (this.failed) return
    if (this.waiting + this.heldCharacters > MAX_WAITING_CHARACTERS) {
      this.lost++
      return
    }
    if (this.lost > 0) this.hold(`… ${this.lost} lines came faster than they could be written`)
    this.lost = 0
    this.hold(line)
    if (this.heldCharacters >= FLUSH_CHARACTERS) this.flush()
  }

  /** Everything is on disk, or `onError` was called. */
  async close(): Promise<void> {
    this.stopTimer()
    if (this.lost > 0) this.hold(`… ${this.lost} lines came faster than they could be written`)
    this.lost = 0
    this.flush()
    await this.writing
    await this.handle?.close().catch((error: unknown) => this.fail(error))
  }

  private hold(line: string): void {
    this.held.push(line, '\n')
    this.heldCharacters += line.length + 1
  }

  private flush(): void {
    if (this.held.length === 0) return
    const text = this.held.join('')
    this.held = []
    this.heldCharacters = 0
    this.waiting += text.length
    this.writing = this.writing.then(() => this.append(text))
  }

  private async append(text: string): Promise<void> {
    try {
      if (this.failed) return
      this.handle ??= await this.options.files.open(this.path, 'a')
      await this.handle.appendFile(text)
    } catch (error) {
      this.fail(error)
    } finally {
      this.waiting -= text.length
    }
  }

  private fail(error: unknown): void {
    if (this.failed) return
    this.failed = true
    this.options.onError(diskError(error, 'write', this.path))
  }
}

import { readFileSync } from 'node:fs'

/** How often the memory of working environments is looked at. */
const LOOK_MS = 100

/**
 * The most memory (RSS) a process ever had, in MB; undefined where there is no /proc or the process is gone. It is the
 * kernel's own high-water mark, so a peak between two looks is seen late but never missed.
 */
export function peakMemoryMb(pid: number): number | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return undefined
  }
  const match = /^VmHWM:\s+(\d+) kB/m.exec(status) ?? /^VmRSS:\s+(\d+) kB/m.exec(status)
  return match === null ? undefined : Number(match[1]) / 1024
}

/** Something whose memory has a limit; it looks for itself and does what follows. */
export interface Watched {
  checkMemory(): void
}

/** One timer for all environments that work, and none while none does. */
export class MemoryWatch {
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined

  add(watched: Watched): void {
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => {
      for (const one of this.#watched) one.checkMemory()
    }, LOOK_MS).unref()
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched)
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

import type { Clock } from '../../shared/cloud/ports.ts'

export interface VirtualClock extends Clock {
  /** Moves time on, waking every sleeper in the order of its due time; what it started has settled before the next one wakes. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock to another time, as a user or a time server does; the monotonic clock and the sleepers do not notice. */
  set(ms: number): void
  /** How many sleepers wait: 0 at the end of a test shows that no timer was left behind. */
  readonly sleeping: number
}

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** A clock that stands still until a test moves it. */
export function virtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let now = startMs
  let ahead = 0
  const sleepers = new Set<Sleeper>()
  return {
    now: () => now + ahead,
    monotonic: () => now,
    set(ms) {
      ahead = ms - now
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (!Number.isFinite(ms) || ms < 0) throw new Error(`a sleep wants ms >= 0, got ${ms}`)
        if (signal?.aborted) return resolve()
        const wake = () => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const sleeper = { due: now + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    async advance(ms) {
      const end = now + ms
      await settled()
      for (let next = earliest(sleepers, end); next !== undefined; next = earliest(sleepers, end)) {
        now = Math.max(now, next.due)
        next.wake()
        await settled()
      }
      now = end
      await settled()
    },
    get sleeping() {
      return sleepers.size
    },
  }
}

function earliest(sleepers: Iterable<Sleeper>, end: number): Sleeper | undefined {
  let first: Sleeper | undefined
  for (const sleeper of sleepers)
    if (sleeper.due <= end && (first === undefined || sleeper.due < first.due)) first = sleeper
  return first
}

/** Every microtask that is due, and every one that those start, has run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

import type { Clock } from '../cloud/ports.ts'
import type { Manifest } from '../protocol/manifest.ts'

/** What two clocks may be apart before it counts. */
const TOLERANCE_MS = 1_000

/**
 * How long the learner's word holds, on this machine's monotonic clock. Learner and function are two machines, and either's wall clock may
 * be wrong, or be set in the middle of a run. So the word is worth what is left of it only where that can be: something, and no more than
 * it was given for. Else it counts from when the manifest was seen to change, which only a learner that lives does.
 */
export class LearnerWord {
  private readonly clock: Clock
  private last: number | undefined
  private until = Number.NEGATIVE_INFINITY
  private ahead: number

  /** @param ahead what is known of `clockAhead` from before */
  constructor(clock: Clock, ahead = 0) {
    this.clock = clock
    this.ahead = ahead
  }

  /** A manifest was read, perhaps one that was read before. */
  heard({ heartbeatUntil, heartbeatMs = Number.POSITIVE_INFINITY }: Manifest): void {
    if (heartbeatUntil === this.last) return
    const isChange = this.last !== undefined
    this.last = heartbeatUntil
    let left = heartbeatUntil - this.clock.now() - this.ahead
    // A first one that has run out may be a dead learner's.
    if (left > heartbeatMs + TOLERANCE_MS || (left <= 0 && isChange && Number.isFinite(heartbeatMs))) {
      this.ahead += left - heartbeatMs
      left = heartbeatMs
    }
    this.until = this.clock.monotonic() + left
  }

  /** Does it hold? */
  get holds(): boolean {
    return this.clock.monotonic() <= this.until
  }

  /** When it runs out, on the monotonic clock; ms. */
  get holdsUntil(): number {
    return this.until
  }

  /** By how much the learner's wall clock is ahead of this machine's, where that shows; negative where it is behind; ms. */
  get clockAhead(): number {
    return this.ahead
  }
}

/** Longer than any pause between two tries, so that what is tried again in vain is told once. */
const QUIET_MS = 60_000

/** A trouble that many shards meet, again and again: worth one warning, until it has not been met for a minute. */
export class RecurringWarning {
  private metAt = Number.NEGATIVE_INFINITY

  /** The trouble was met at `now` (monotonic ms): is a warning due? */
  isDue(now: number): boolean {
    const isDue = now - this.metAt > QUIET_MS
    this.metAt = now
    return isDue
  }
}

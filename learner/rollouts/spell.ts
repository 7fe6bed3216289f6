/** Longer than any pause between two tries, so that what is tried again in vain stays one spell. */
const QUIET_MS = 60_000

/** One trouble as many shards meet it, again and again: worth one sentence, until it has not been seen for a minute. */
export class Spell {
  private seenAt = Number.NEGATIVE_INFINITY

  /** It was met at `now` (monotonic ms): is that the first sign of a spell? */
  begins(now: number): boolean {
    const begins = now - this.seenAt > QUIET_MS
    this.seenAt = now
    return begins
  }
}

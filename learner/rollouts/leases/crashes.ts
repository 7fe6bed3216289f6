/** Functions of one shard in a row that may crash soon. One in ten that crashes by chance comes to it once in ten billion times. */
const MOST_IN_A_ROW = 10
/** One that made as many fragments worked, whatever it ended with. */
const SOON_FRAGMENTS = 10

interface Streak {
  crashes: number
  /** Fragments since the newest of them. */
  fragments: number
}

/**
 * Functions that end without a word each time, soon after they began: an env that ends its own process (`process.exit`), throws outside
 * of `step`, or takes more memory than there is. Each sends a fragment or two first, so that it does not look like one that never works.
 */
export class Crashes {
  private readonly streaks = new Map<number, Streak>()

  /** @returns how many there were in a row, once that is too many; else 0 */
  add(shard: number): number {
    const before = this.streaks.get(shard)
    const crashes = (before?.crashes ?? 0) + 1
    this.streaks.set(shard, { crashes, fragments: 0 })
    return crashes >= MOST_IN_A_ROW ? crashes : 0
  }

  fragment(shard: number): void {
    const streak = this.streaks.get(shard)
    if (streak && ++streak.fragments >= SOON_FRAGMENTS) this.streaks.delete(shard)
  }

  /** A lease of the shard ended in order. */
  worked(shard: number): void {
    this.streaks.delete(shard)
  }
}

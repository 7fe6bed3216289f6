import type { UpdateLine } from './observer.ts'

/** Updates that each have a line of the metrics log: at a hundred a second, the first quarter of an hour. */
const EVERY_UPDATE_UP_TO = 100_000

/**
 * How many updates share one line of the metrics log: each up to 100,000, then every 10th up to a million, every 100th up to ten
 * millions, and so on. A tenfold run adds 90,000 lines at most, so that no run fills a disk. Depends on the number of the update and
 * nothing else: a run that was interrupted and went on has the same lines as one that was not.
 */
export function lineEvery(updates: number): number {
  let every = 1
  for (let limit = EVERY_UPDATE_UP_TO; updates > limit; limit *= 10) every *= 10
  return every
}

/** The newest update up to this one that has a line; 0 for none. */
export const lastLineUpTo = (updates: number): number => updates - (updates % lineEvery(updates))

/** Does this update have a line? (The last update of a run always has one.) */
export const hasLine = (updates: number): boolean => updates % lineEvery(updates) === 0

/** Decides for each line whether the log keeps it. */
export class MetricsThinning {
  private skipped: UpdateLine | undefined

  /** Is the line to be written? */
  takes(line: UpdateLine): boolean {
    const taken = hasLine(line.updates)
    this.skipped = taken ? undefined : line
    return taken
  }

  /** The last line, if it was not written, so that a log always has its end. Returned once. */
  rest(): UpdateLine | undefined {
    const { skipped } = this
    this.skipped = undefined
    return skipped
  }
}

import type { Pacing } from '../../shared/protocol/lease.ts'

/** Shares are computed from ratios of small integers. */
const ROUNDING = 1e-6
/** A shard that works as fast as the others has so many of the newest fragments, each time as many as there are shards. */
const ROUNDS = 2

export interface SharedWindowOptions {
  readonly pacing: Pick<Pacing, 'perVersion' | 'lead'>
  readonly shards: number
  /** How many of them can work at once, where that is known. */
  readonly atOnce?: number
}

/**
 * How many fragments a shard may be ahead of what was consumed, in a `newest` pace. All shards together may be `lead + 1` batches ahead,
 * which is what bounds policy lag; each has its share of that. A shard in a slow episode, or without a function, does not use its share: the
 * batches are then made by the others, and those get it. Otherwise they would wait for a batch that waits for the slow one.
 *
 * Who delivers is seen from the newest fragments that were consumed, two a shard (or two batches, where those are larger). While all do,
 * nothing is different from a window that is fixed.
 */
export class SharedWindow {
  private readonly total: number
  private readonly own: number
  private readonly newest: Int32Array
  private readonly counts: Int32Array
  private at = 0
  /** Shards among the newest. */
  private seen = 0
  private isFull = false
  private delivering: number
  private most: number

  constructor({ pacing: { perVersion, lead }, shards, atOnce = shards }: SharedWindowOptions) {
    this.total = perVersion * shards * (lead + 1)
    this.own = Math.ceil(perVersion * (lead + 1))
    this.newest = new Int32Array(ROUNDS * Math.max(shards, Math.ceil(perVersion * shards)))
    this.counts = new Int32Array(shards)
    this.delivering = Math.min(shards, atOnce)
    this.most = this.size
  }

  /** Fragments. It is never less than a shard's own share. */
  get size(): number {
    return Math.max(this.own, Math.ceil(this.total / this.delivering - ROUNDING))
  }

  /** The largest that it ever was: a function may have worked by that. */
  get largest(): number {
    return this.most
  }

  /** A shard's fragment was consumed. */
  consumed(shard: number): void {
    const { newest } = this
    if (this.isFull) this.count(newest[this.at] ?? 0, -1)
    this.count(shard, 1)
    newest[this.at] = shard
    this.at = (this.at + 1) % newest.length
    if (this.at === 0) this.isFull = true
    if (!this.isFull) return
    this.delivering = this.seen
    this.most = Math.max(this.most, this.size)
  }

  private count(shard: number, change: 1 | -1): void {
    const before = this.counts[shard] ?? 0
    this.counts[shard] = before + change
    if (before === 0) this.seen++
    if (before + change === 0) this.seen--
  }
}

import type { Clock } from '../../../shared/cloud/ports.ts'

/** How long a gap is there before it counts: a queue keeps no order. Shorter once a message came that cannot be read. */
const GAP_MS = 5_000
const SUSPECT_MS = 500

export interface GapsOptions {
  readonly clock: Clock
  readonly shards: number
  /** The first sequence number of a shard that has not come, and the one after the last that came. */
  readonly gap: (shard: number) => { readonly from: number; readonly to: number }
  /** Is the policy out that this fragment is stepped with? */
  readonly isDue: (sequence: number) => boolean
  /** Was the queue listened to without a break since then (monotonic ms)? */
  readonly heardAllSince: (ms: number) => boolean
}

/** Fragments that are to be made again, and shards whose function is no more, by shard with the first sequence number that is missing. */
export interface Missing {
  readonly fragments: ReadonlyMap<number, number>
  readonly functions: ReadonlyMap<number, number>
}

/**
 * Finds fragments of an exact pace that never came: later ones of their shard did; or a message came that cannot be read, and after it no fragment
 * at all, because everybody waits for the one that was in it. Where a shard's own function sends nothing after that either, the message was its
 * goodbye.
 */
export class Gaps {
  private readonly options: GapsOptions
  private readonly gaps = new Map<number, { readonly from: number; readonly since: number }>()
  /** Since a message came that cannot be read, until a gap is found. */
  private unreadableCame = false
  /** By shard, since then, until its own function sent something: was a fragment of it made again meanwhile? */
  private readonly suspects = new Map<number, { repaired: boolean }>()
  private heardAt = 0

  constructor(options: GapsOptions) {
    this.options = options
  }

  /** A message came that cannot be read. It may have been anybody's. */
  unreadable(): void {
    this.unreadableCame = true
    this.heardAt = this.options.clock.monotonic()
    for (let shard = 0; shard < this.options.shards; shard++)
      if (!this.suspects.has(shard)) this.suspects.set(shard, { repaired: false })
  }

  /** A fragment came. @param isOwn of the function that works for its shard */
  heard(shard: number, isOwn: boolean): void {
    this.heardAt = this.options.clock.monotonic()
    if (isOwn) this.suspects.delete(shard)
  }

  /** To be called every so often. @param busy shards for which a fragment is being made again */
  look(busy: (shard: number) => boolean): Missing {
    const { shards, gap, clock } = this.options
    const now = clock.monotonic()
    const fragments = new Map<number, number>()
    const functions = new Map<number, number>()
    const isQuiet = this.isOver(this.heardAt, SUSPECT_MS, now)
    for (let shard = 0; shard < shards; shard++) {
      const { from, to } = gap(shard)
      const known = this.gaps.get(shard)
      const suspect = isQuiet ? this.suspects.get(shard) : undefined
      if (busy(shard)) this.gaps.delete(shard)
      else if (suspect && this.options.isDue(from)) {
        if (suspect.repaired) this.suspects.delete(shard)
        ;(suspect.repaired ? functions : fragments).set(shard, from)
        suspect.repaired = true
      } else if (from >= to) this.gaps.delete(shard)
      else if (known?.from !== from) this.gaps.set(shard, { from, since: now })
      else if (this.isOver(known.since, this.unreadableCame ? SUSPECT_MS : GAP_MS, now)) fragments.set(shard, from)
    }
    for (const shard of fragments.keys()) this.gaps.delete(shard)
    if (fragments.size > 0) this.unreadableCame = false
    return { fragments, functions }
  }

  private isOver(since: number, afterMs: number, now: number): boolean {
    return now - since >= afterMs && this.options.heardAllSince(since)
  }
}

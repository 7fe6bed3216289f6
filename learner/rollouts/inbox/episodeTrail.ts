// Hot path: typed arrays of B elements each, read within their bounds, so `!` is fine here.

/** The running episode of each of B envs: what it gave so far. */
export interface Running {
  /** Sum of its rewards, and of their sizes. */
  readonly sums: Float64Array
  readonly sizes: Float64Array
  /** Its env steps so far. */
  readonly lengths: Float64Array
  /** 1 where that is all of it; 0 where its beginning was not seen; see `SEEN_BEFORE`. */
  readonly whole: Uint8Array
}

export const runningOf = (numEnvs: number, whole: boolean): Running => ({
  sums: new Float64Array(numEnvs),
  sizes: new Float64Array(numEnvs),
  lengths: new Float64Array(numEnvs),
  whole: new Uint8Array(numEnvs).fill(whole ? 1 : 0),
})

function copyInto(target: Running, source: Running): void {
  target.sums.set(source.sums)
  target.sizes.set(source.sizes)
  target.lengths.set(source.lengths)
  target.whole.set(source.whole)
}

/** `Running.whole` where the beginning was seen by an earlier attempt at the run: there is nothing to compare with. */
export const SEEN_BEFORE = 2

/** Fragments that came before those ahead of them; beyond this many, the one that is missing is taken for lost. */
const MAX_EARLY = 64

/**
 * Where the episodes of one lease stand, fragment after fragment. A queue keeps no order: what came early waits until those before it
 * came, as B numbers and not as the fragment.
 */
export class EpisodeTrail {
  readonly first: number
  /** Where they stand after the fragment before `next`. */
  readonly running: Running
  /** The sequence number of the fragment that goes on from there. */
  next: number
  /** False while it is not known where the lease before this one left its envs. */
  private ready: boolean
  private readonly early = new Map<number, Running>()
  private readonly mostEarly: number
  private readonly anew = new Set<number>()

  /**
   * All leases of a shard in an exact pace: each makes the same data, so that it does not matter whose a fragment is.
   *
   * @param first the sequence number with which it begins; past 0 an earlier attempt saw what comes before
   */
  static ofShard(first: number, numEnvs: number): EpisodeTrail {
    const trail = new EpisodeTrail(first, numEnvs, true, Number.POSITIVE_INFINITY)
    if (first > 0) trail.running.whole.fill(SEEN_BEFORE)
    return trail
  }

  /** @param fresh do the envs start anew with it? Else they go on where an earlier lease ended: see `goOn` */
  constructor(first: number, numEnvs: number, fresh: boolean, mostEarly = MAX_EARLY) {
    this.mostEarly = mostEarly
    this.first = this.next = first
    this.running = runningOf(numEnvs, fresh)
    this.ready = fresh
  }

  /** Is this the fragment whose beginning is known? */
  isNext(sequence: number): boolean {
    return this.ready && sequence === this.next
  }

  /** The lease before this one has come to its end: its envs are where this one's began. */
  goOn(before: EpisodeTrail): void {
    if (this.ready || before.first >= this.first || before.next !== this.first) return
    copyInto(this.running, before.running)
    this.ready = true
    this.foldEarly()
  }

  /** Its envs could not go on and started anew: its first fragment says so. */
  startAnew(): void {
    if (this.next !== this.first) return
    copyInto(this.running, runningOf(this.running.sums.length, true))
    this.ready = true
  }

  /** The envs start anew with this fragment, whichever lease makes it. */
  startsAnewAt(sequence: number): void {
    if (sequence === 0 || sequence < this.next) return
    this.anew.add(sequence)
    this.enter()
  }

  /** The next fragment came, and left the episodes so. */
  took(after: Running): void {
    copyInto(this.running, after)
    this.next++
    this.enter()
    this.foldEarly()
  }

  /** A later one came: what it gave by itself, counted from nothing. Its arrays are kept. */
  cameEarly(sequence: number, alone: Running): void {
    if (sequence < this.next) return
    this.early.set(sequence, alone)
    if (this.early.size <= this.mostEarly) return
    // Of episodes that run over the gap the beginning will never be known.
    this.running.whole.fill(0)
    this.next = Math.min(...this.early.keys())
    this.ready = true
    this.foldEarly()
  }

  private foldEarly(): void {
    for (let alone = this.early.get(this.next); alone; alone = this.early.get(this.next)) {
      this.early.delete(this.next++)
      this.fold(alone)
      this.enter()
    }
  }

  private enter(): void {
    if (this.anew.delete(this.next)) copyInto(this.running, runningOf(this.running.sums.length, true))
  }

  private fold(alone: Running): void {
    const { sums, sizes, lengths, whole } = this.running
    for (let i = 0; i < sums.length; i++) {
      const began = alone.whole[i]! === 1 // an episode ended in it: what runs since then is all there
      sums[i] = alone.sums[i]! + (began ? 0 : sums[i]!)
      sizes[i] = alone.sizes[i]! + (began ? 0 : sizes[i]!)
      lengths[i] = alone.lengths[i]! + (began ? 0 : lengths[i]!)
      if (began) whole[i] = 1
    }
  }
}

/** How a lease came to its end, as the learner knows it. */
export type LeaseFate =
  /** It said goodbye in order. */
  | 'ended'
  /** It said goodbye with an error. */
  | 'failed'
  /** The platform said that its process died, that it ran out of time or of memory, or that it never started. */
  | 'crashed'
  | 'timedOut'
  | 'outOfMemory'
  | 'notStarted'
  /** No word came from anybody. */
  | 'lost'
  /** Lambda refused the invocation for its rate or number. */
  | 'throttled'
  /** The invocation failed, and may or may not have been made. */
  | 'unanswered'

/** Leases issued are those that are open and all the others together. */
export type LeaseFateCounts = Readonly<Record<LeaseFate | 'issued' | 'open', number>>

/** Counts what becomes of every lease of one attempt at a run: each has one end, the first that was told. */
export class LeaseFates {
  private issuedInAll = 0
  private closed = false
  private readonly open = new Set<string>()
  private readonly ends: Record<LeaseFate, number> = {
    ended: 0,
    failed: 0,
    crashed: 0,
    timedOut: 0,
    outOfMemory: 0,
    notStarted: 0,
    lost: 0,
    throttled: 0,
    unanswered: 0,
  }

  issued(lease: string): void {
    this.issuedInAll++
    this.open.add(lease)
  }

  over(lease: string, fate: LeaseFate): void {
    if (!this.closed && this.open.delete(lease)) this.ends[fate]++
  }

  /** The platform says that an invocation came to nothing. */
  cameToNothing(lease: string, { started, reason }: { readonly started: boolean; readonly reason: string }): void {
    this.over(lease, started ? fateOf(reason) : 'notStarted')
  }

  /** The run is over: what is open now stays open, however its functions are ended. */
  close(): void {
    this.closed = true
  }

  /** Until now. */
  get counts(): LeaseFateCounts {
    return { issued: this.issuedInAll, ...this.ends, open: this.open.size }
  }
}

/** Of what AWS says: `Task timed out after 3.00 seconds`, `Runtime.OutOfMemory`, `signal: killed`. */
function fateOf(reason: string): LeaseFate {
  if (/timed out/i.test(reason)) return 'timedOut'
  return /OutOfMemory/i.test(reason) ? 'outOfMemory' : 'crashed'
}

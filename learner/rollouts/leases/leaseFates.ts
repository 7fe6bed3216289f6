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

/** How a function came to its end without a word: all leases that it still worked on ended with it. */
type FunctionFate = 'crashed' | 'timedOut' | 'outOfMemory'
export type FunctionFateCounts = Readonly<Record<FunctionFate, number>>

/** One function, for one lease or several. */
interface Invocation {
  isOver: boolean
}

/** Counts what becomes of every lease of one attempt at a run: each has one end, the first that was told. */
export class LeaseFates {
  private issuedInAll = 0
  private closed = false
  private readonly open = new Map<string, Invocation>()
  private readonly functionEnds: Record<FunctionFate, number> = { crashed: 0, timedOut: 0, outOfMemory: 0 }
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

  /** Leases of one invocation. */
  issued(leases: readonly string[]): void {
    this.issuedInAll += leases.length
    const invocation = { isOver: false }
    for (const lease of leases) this.open.set(lease, invocation)
  }

  over(lease: string, fate: LeaseFate): void {
    if (!this.closed && this.open.delete(lease)) this.ends[fate]++
  }

  /** The platform says that an invocation came to nothing, which ended this lease. */
  cameToNothing(lease: string, { started, reason }: { readonly started: boolean; readonly reason: string }): void {
    const invocation = this.open.get(lease)
    const fate = fateOf(reason)
    this.over(lease, started ? fate : 'notStarted')
    if (!started || !invocation || invocation.isOver || this.closed) return
    invocation.isOver = true
    this.functionEnds[fate]++
  }

  /** Of invocations, where the above are of leases. */
  get functions(): FunctionFateCounts {
    return { ...this.functionEnds }
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
function fateOf(reason: string): FunctionFate {
  if (/timed out/i.test(reason)) return 'timedOut'
  return /OutOfMemory/i.test(reason) ? 'outOfMemory' : 'crashed'
}

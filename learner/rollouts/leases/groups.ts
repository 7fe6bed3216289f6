import type { Clock } from '../../../shared/cloud/ports.ts'
import type { LeaseStart } from './issuer.ts'

/** A stream of experience that wants a function. */
export interface Wish {
  readonly shard: number
  readonly start: LeaseStart
  /** From `Places.ticket`. */
  readonly ticket: number
}

export interface Patience {
  /** How long it waits before it wants anything. */
  readonly afterMs: number
  /** How long it then waits for the others of its group, whose leases end about now; ms. */
  readonly waitMs: number
}

export interface GroupsOptions {
  /** Which function works on a shard: those of one number are a group. Each shard has its own unless told. */
  readonly functionOf?: ((shard: number) => number) | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
}

interface Group {
  readonly waiting: Wish[]
  /** Shards that have a lease, or will want one soon. */
  readonly busy: Set<number>
}

/**
 * Brings the streams together that one function works on: they are to begin together, and wait for each other where their leases end about the
 * same time. Who has waited long enough goes with those that wait too, and without the others.
 */
export class Groups {
  private readonly options: GroupsOptions
  private readonly onReady: (wishes: readonly Wish[]) => void
  private readonly groups = new Map<number, Group>()

  /** @param onReady these are to be given one function */
  constructor(options: GroupsOptions, onReady: (wishes: readonly Wish[]) => void) {
    this.options = options
    this.onReady = onReady
  }

  /** Each of them will want a lease soon. */
  open(shards: number): void {
    for (let shard = 0; shard < shards; shard++) this.groupOf(shard).busy.add(shard)
  }

  /** Settled once the wish was passed on, or the run is over. */
  async want(wish: Wish, { afterMs, waitMs }: Patience): Promise<void> {
    const { clock, signal } = this.options
    const group = this.groupOf(wish.shard)
    group.busy.add(wish.shard)
    if (afterMs > 0) await clock.sleep(afterMs, signal)
    group.busy.delete(wish.shard)
    group.waiting.push(wish)
    if (group.busy.size === 0) return this.pass(group)
    await clock.sleep(waitMs, signal)
    if (group.waiting.includes(wish)) this.pass(group)
  }

  /** The lease of a shard is over. Unless that wants another at once, the others need not wait for it. */
  over(shard: number): void {
    const group = this.groupOf(shard)
    group.busy.delete(shard)
    if (group.waiting.length > 0)
      queueMicrotask(() => {
        if (group.busy.size === 0 && group.waiting.length > 0) this.pass(group)
      })
  }

  /** Shards of the same function that have a lease, or will want one soon. */
  beside(shard: number): Iterable<number> {
    return this.groupOf(shard).busy
  }

  private pass({ waiting, busy }: Group): void {
    const wishes = waiting.splice(0)
    if (this.options.signal.aborted) return
    for (const { shard } of wishes) busy.add(shard)
    this.onReady(wishes)
  }

  private groupOf(shard: number): Group {
    const { functionOf = (own: number) => own } = this.options
    const number = functionOf(shard)
    const known = this.groups.get(number)
    if (known) return known
    const group: Group = { waiting: [], busy: new Set() }
    this.groups.set(number, group)
    return group
  }
}

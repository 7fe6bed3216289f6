import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { FailedLeases, type FailedLeasesOptions, GRACE_MS } from './failedLeases.ts'
import { Groups, type GroupsOptions, type Wish } from './groups.ts'
import { type Held, Issuer, type IssuerOptions, type LeaseStart } from './issuer.ts'
import { MissedHeartbeats, type MissedHeartbeatsOptions } from './missedHeartbeats.ts'
import { NextStart, type NextStartOptions } from './nextStart.ts'
import { Watchdogs } from './watchdogs.ts'

/** After an invocation that Lambda took and then had no environment for: it has tried for a minute, or the function is stopped. */
const NOT_STARTED_PAUSE_MS = 5_000
/** How long a stream waits for the others of its function: their leases end one after the other, and those of a function that died together. */
const WAIT_MS = { renewed: 2_000, failed: 20 }
/** A lease that begins after the others of its function ends with them, unless that were too soon: a share of a lease. */
const LEAST_SHARE = 0.25

export interface LeaseKeeperOptions
  extends
    IssuerOptions,
    FailedLeasesOptions,
    NextStartOptions,
    Omit<GroupsOptions, 'signal'>,
    MissedHeartbeatsOptions {}

interface StartAs {
  readonly afterMs?: number
  readonly waitMs?: number
  /** Its turn; a new one unless told. */
  readonly ticket?: number
}

/** A lease that the platform ended. */
interface CameToNothing {
  readonly shard: number
  readonly lease: string
  /** False where no environment was free for it in time. */
  readonly started: boolean
  readonly reason: string
}

/**
 * Keeps one lease open for every shard: starts them, renews what ended, replaces what was lost. The shards of one function begin together,
 * and are renewed together; one that fails in between is started anew by itself, and ends with the others.
 */
export class LeaseKeeper {
  private readonly options: LeaseKeeperOptions
  private readonly held = new Map<number, Held>()
  private readonly groups: Groups
  private readonly failed: FailedLeases
  private readonly next: NextStart
  private readonly missedHeartbeats: MissedHeartbeats
  private readonly issuer: Issuer
  private readonly starting = new Set<Promise<void>>()
  private readonly watchdogs = new Watchdogs()

  constructor(options: LeaseKeeperOptions) {
    this.options = options
    this.groups = new Groups(options, (wishes) => this.track(this.issue(wishes)))
    this.failed = new FailedLeases(options)
    this.next = new NextStart(options)
    this.missedHeartbeats = new MissedHeartbeats(options)
    this.issuer = new Issuer(options, this.held)
  }

  /** Functions at work, or being started. */
  get functions(): number {
    return new Set([...this.held.values()].map(({ invocation }) => invocation)).size
  }

  open(shards: number): void {
    this.failed.open(shards)
    this.groups.open(shards)
    for (let shard = 0; shard < shards; shard++) this.start(shard, this.next.first(shard))
  }

  /** A fragment came, in which that many episodes ended: the shard's function works. */
  alive(shard: number, episodes = 0): void {
    this.failed.fragment(shard, episodes)
    this.missedHeartbeats.heard(shard)
    const held = this.held.get(shard)
    if (held) held.heard = true
  }

  /** A function said goodbye. Its shard gets a new lease unless the run is over. */
  ended(report: LeaseReport): void {
    const { meter, fates, signal } = this.options
    const { shard, lease, end } = report
    meter.leaseEnded(lease, report)
    fates?.over(lease, end === 'error' ? 'failed' : 'ended')
    this.issuer.ended(report)
    const held = this.held.get(shard)
    if (held?.lease !== lease) return this.next.late(report)
    this.release(held)
    // 'stopped' is this learner's own word: the run is ending.
    if (signal.aborted || end === 'stopped') return this.next.late(report)
    if (end === 'error') {
      const isOver = this.failed.withError(report, held, this.next.isOfState(report, held.start))
      const start = this.next.afterError(report, held.start)
      if (!isOver) this.retry(shard, start)
      return
    }
    const start = this.next.afterEnd(report, held.start)
    if (this.missedHeartbeats.is(report, held.dueAt)) return this.startAfterMissedHeartbeat(report, start)
    this.failed.worked(shard)
    this.start(shard, start)
  }

  /** The platform says that an invocation ended without an answer: it crashed, ran out of time or memory, or never started. */
  crashed(requestId: string, reason: string, started = true): void {
    const leases = [...this.held.values()].filter(({ invocation }) => invocation.requestId === requestId)
    for (const { shard, lease } of leases) this.cameToNothing({ shard, lease, started, reason })
  }

  /** The same, by a lease of it. One that was never started is tried again after a pause: nothing is wrong with the function. */
  cameToNothing({ shard, lease, started, reason }: CameToNothing): void {
    const { meter, fates, signal, onEvent } = this.options
    fates?.cameToNothing(lease, { started, reason })
    if (!started) this.failed.notStarted(shard, lease)
    const held = this.held.get(shard)
    if (held?.lease !== lease || signal.aborted) return
    this.release(held, started)
    meter.leaseEnded(lease)
    if (started) {
      if (!this.failed.crashed(held, reason)) this.retry(shard, this.next.afterLoss(shard, held.start))
      return
    }
    onEvent(`shard ${shard}, lease ${lease}: ${reason}; trying again in ${NOT_STARTED_PAUSE_MS} ms`)
    const { ticket } = held.invocation
    this.start(shard, this.next.again(shard, held.start), { afterMs: NOT_STARTED_PAUSE_MS, ticket })
  }

  /** The function of a shard must have ended, though its goodbye was none that could be read. */
  gone(shard: number): void {
    const { meter, fates, signal, onEvent } = this.options
    const held = this.held.get(shard)
    if (!held || signal.aborted) return
    this.release(held)
    fates?.over(held.lease, 'lost')
    meter.leaseEnded(held.lease)
    onEvent(`shard ${shard}, lease ${held.lease} was lost: nothing comes of it any more`)
    this.retry(shard, this.next.afterLoss(shard, held.start))
  }

  /** Waits for invocations being made; the functions themselves end by the manifest. */
  async close(): Promise<void> {
    this.watchdogs.close()
    while (this.starting.size > 0) await Promise.all(this.starting)
  }

  /** After a lease that failed: what failed is not repeated, unless it has to be. */
  private retry(shard: number, start: LeaseStart): void {
    const retry = this.failed.nextTry(shard)
    this.start(shard, this.options.exact ? start : { ...start, retry }, { waitMs: WAIT_MS.failed })
  }

  private start(
    shard: number,
    start: LeaseStart,
    { afterMs = 0, waitMs = WAIT_MS.renewed, ticket = this.options.places.ticket() }: StartAs = {},
  ): void {
    this.track(this.groups.want({ shard, start, ticket }, { afterMs, waitMs }))
  }

  private track(work: Promise<void>): void {
    const started: Promise<void> = work
      .catch((error: unknown) => this.options.onFatal(error))
      .finally(() => this.starting.delete(started))
    this.starting.add(started)
  }

  private startAfterMissedHeartbeat(report: LeaseReport, from: LeaseStart): void {
    try {
      this.start(report.shard, from, { afterMs: this.missedHeartbeats.pauseAfter(report) })
    } catch (error) {
      this.options.onFatal(error)
    }
  }

  private async issue(streams: readonly Wish[]): Promise<void> {
    const ticket = Math.min(...streams.map((wish) => wish.ticket))
    const held = await this.issuer.issue({ streams, ticket, endsAt: (now) => this.endsWith(streams, now) })
    for (const one of held) this.watch(one)
  }

  /** When the others of the same function end. */
  private endsWith([first]: readonly Wish[], now: number): number | undefined {
    if (!first) return undefined
    const ends = [...this.groups.beside(first.shard)].map((shard) => this.held.get(shard)?.dueAt ?? now)
    const last = Math.max(now, ...ends)
    return last - now >= this.options.leaseMs * LEAST_SHARE ? last : undefined
  }

  /** A function that has not said goodbye some time after its deadline is lost: its shard gets a new one. */
  private watch(held: Held): void {
    const { shard } = held
    if (this.held.get(shard) !== held || this.options.signal.aborted) return
    const now = this.options.clock.monotonic()
    const afterMs = Math.max(0, held.dueAt - now) + GRACE_MS
    this.watchdogs.set(shard, afterMs, () => this.lost(held, now + afterMs))
  }

  private lost(held: Held, lostAt: number): void {
    const { meter, fates, signal } = this.options
    const { shard, lease } = held
    if (this.held.get(shard) !== held || signal.aborted) return
    this.release(held)
    meter.leaseEnded(lease)
    fates?.over(lease, 'lost')
    if (!this.failed.lost(held, lostAt)) this.retry(shard, this.next.afterLoss(shard, held.start))
  }

  private release({ shard, invocation }: Held, started = true): void {
    const { places } = this.options
    this.watchdogs.clear(shard)
    this.held.delete(shard)
    this.groups.over(shard)
    if (--invocation.open > 0) return
    if (started) places.leave()
    else places.leaveUnstarted()
  }
}

import { OUTAGE_MS } from '../../../shared/cloud/patience.ts'
import { MillraceError, type Where } from '../../../shared/errors.ts'
import { DAMAGED } from '../../../shared/rollout/damaged.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import type { InvocationFailed } from '../../../shared/protocol/message.ts'
import { Crashes } from './crashes.ts'
import { type EnvFault, EnvFaults } from './envFaults.ts'
import type { ExactStarts } from '../exact/exactStarts.ts'
import { Failures } from './failures.ts'
import type { Handover } from './handover.ts'
import { type Held, Issuer, type IssuerOptions, type LeaseStart } from './issuer.ts'
import { MissedHeartbeats } from './missedHeartbeats.ts'
import { Watchdogs } from './watchdogs.ts'

/** A function may be late by this much before its lease counts as lost. */
const GRACE_MS = 5_000
/** After an invocation that Lambda took and then had no environment for: it has tried for a minute, or the function is stopped. */
const NOT_STARTED_PAUSE_MS = 5_000
/** Leases of one shard that may fail in a row, without a single fragment, before the run ends with their error; more in an outage of S3 or SQS. */
const MAX_FAILURES = 3
/** Lambda tries for a minute to start a function, and says some time later that it could not: sooner, silence means nothing. */
const SILENCE_MS = 120_000

export interface LeaseKeeperOptions extends IssuerOptions {
  /** The sequence number with which a shard goes on after a lease that was lost or failed and may have sent those before `sentUpTo`. */
  readonly goOnAt: (shard: number, sentUpTo: number) => number
  /** Was the queue listened to without a break since then (monotonic ms), so that whatever was sent has come? */
  readonly heardAllSince: (ms: number) => boolean
  /** Must a lease make the same data whenever it runs? */
  readonly exact: boolean
  /** Where leases of an exact pace begin. */
  readonly starts?: ExactStarts | undefined
  /** T, steps of each env in a fragment. */
  readonly fragmentLength: number
  /** Is there a policy for functions to act with? */
  readonly policyIsOut: () => boolean
  /** Since when (monotonic ms) what the learner says has reached the bucket; while it does not, never. */
  readonly learnerSpeaksSince: () => number
  /** Has S3 or SQS failed the learner since then (monotonic ms)? */
  readonly outageSince: (ms: number) => boolean
  readonly handover: Pick<Handover, 'next' | 'again' | 'forget' | 'late' | 'told'>
  /** The run cannot go on. */
  readonly onFatal: (error: unknown) => void
}

interface StartAs {
  readonly afterMs?: number
  /** Its turn; a new one unless told. */
  readonly ticket?: number
}

const CRASHES =
  'the env may end its process (process.exit), throw outside of step (a timer, a promise), or take more memory than a function has'

/** Keeps one lease open for every shard: starts them, renews what ended, replaces what was lost. */
export class LeaseKeeper {
  private readonly options: LeaseKeeperOptions
  private readonly held = new Map<number, Held>()
  private readonly failures = new Failures()
  private readonly faults: EnvFaults
  private readonly crashes = new Crashes()
  /** By shard: leases that failed in a row, whatever they failed with. */
  private readonly failed = new Map<number, number>()
  private readonly missedHeartbeats: MissedHeartbeats
  private readonly issuer: Issuer
  private readonly starting = new Set<Promise<void>>()
  private readonly watchdogs = new Watchdogs()

  constructor(options: LeaseKeeperOptions) {
    this.options = options
    this.missedHeartbeats = new MissedHeartbeats(options)
    this.faults = new EnvFaults(options)
    this.issuer = new Issuer(options, this.held)
  }

  get inFlight(): number {
    return this.held.size
  }

  open(shards: number): void {
    this.faults.open(shards)
    for (let shard = 0; shard < shards; shard++)
      this.start(shard, this.options.starts?.again(shard) ?? { firstSequence: 0 })
  }

  /** A fragment came, in which that many episodes ended: the shard's function works. */
  alive(shard: number, episodes = 0): void {
    this.failures.forget(shard)
    this.faults.fragment(shard, episodes)
    this.crashes.fragment(shard)
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
    if (held?.lease !== lease) return this.late(report)
    this.release(shard)
    // 'stopped' is this learner's own word: the run is ending.
    if (signal.aborted || end === 'stopped') return this.late(report)
    if (end === 'error') {
      // A lease that failed may have lost one fragment and sent the next.
      const { error, fragments } = report
      const over = this.options.starts?.unusable(report, held.start)
        ? this.passes(shard, held, error)
        : EnvFaults.are(error)
          ? this.isOver(held, { shard, lease, fragments, error })
          : this.givesUp(shard, held, error)
      const next = this.afterError(report, held)
      if (!over) this.retry(shard, next)
      return
    }
    const next = this.afterEnd(report, held)
    if (this.missedHeartbeats.is(report, held.dueAt)) this.startAfterMissedHeartbeat(report, next)
    else {
      // It waited for a policy, or for the learner, and said so: nothing hangs.
      this.failures.forget(shard)
      this.faults.worked(shard)
      this.crashes.worked(shard)
      this.failed.delete(shard)
      this.start(shard, next)
    }
  }

  private afterEnd(report: LeaseReport, held: Held): LeaseStart {
    const { starts, handover } = this.options
    if (!starts) return { firstSequence: held.firstSequence + report.fragments, envState: handover.next(report) }
    handover.told(starts.cuts(report, held.start) ? report : { ...report, episodesCut: 0 })
    return starts.after(report, held.start)
  }

  private afterError(report: LeaseReport, held: Held): LeaseStart {
    const { starts, handover, goOnAt } = this.options
    if (starts) {
      handover.told(report)
      return starts.again(report.shard)
    }
    handover.next(report)
    return { firstSequence: goOnAt(report.shard, held.firstSequence + report.fragments) }
  }

  /** It was lost, or crashed, without a word. */
  private afterLoss(shard: number, { firstSequence }: Held): LeaseStart {
    const { starts, handover, goOnAt } = this.options
    if (starts) return starts.again(shard)
    handover.forget(shard)
    return { firstSequence: goOnAt(shard, firstSequence) }
  }

  /** A goodbye of a lease that another has taken the place of. */
  private late(report: LeaseReport): void {
    const { starts, handover } = this.options
    if (starts) starts.keep(report)
    else handover.late(report)
  }

  /** The platform says that an invocation ended without an answer: it crashed, ran out of time or memory, or never started. */
  crashed(requestId: string, reason: string, started = true): void {
    const found = [...this.held].find(([, held]) => held.requestId === requestId)
    if (found) this.cameToNothing({ shard: found[0], lease: found[1].lease, started, reason })
  }

  /** The same, by the lease. One that was never started is tried again after a pause: nothing is wrong with the function. */
  cameToNothing({ shard, lease, started, reason }: Omit<InvocationFailed, 'kind' | 'run'>): void {
    const { meter, fates, signal, goOnAt, handover, starts, onEvent } = this.options
    fates?.cameToNothing(lease, { started, reason })
    if (!started) this.failures.withdraw(shard, lease)
    const held = this.held.get(shard)
    if (held?.lease !== lease || signal.aborted) return
    this.release(shard, started)
    meter.leaseEnded(lease)
    if (!started) {
      onEvent(`shard ${shard}, lease ${lease}: ${reason}; trying again in ${NOT_STARTED_PAUSE_MS} ms`)
      const from = starts
        ? held.start
        : { firstSequence: goOnAt(shard, held.firstSequence), envState: handover.again(shard) }
      return this.start(shard, from, { afterMs: NOT_STARTED_PAUSE_MS, ticket: held.ticket })
    }
    if (this.givesUp(shard, held, { code: 'E_ROLLOUT', message: reason })) return
    const crashes = this.crashes.add(shard)
    if (crashes > 0)
      return this.fail(`shard ${shard} failed ${crashes} times in a row, each soon: ${reason}; ${CRASHES}`, {
        shard,
        lease,
      })
    this.retry(shard, this.afterLoss(shard, held))
  }

  /** Tells of an env's error, or ends the run with it; true when it does. */
  private isOver({ issuedAt }: Held, fault: EnvFault): boolean {
    const { shard, lease, fragments, error } = fault
    const barren = fragments > 0 ? 0 : this.failures.add(shard, lease, issuedAt).count
    const fatal = this.faults.add({ ...fault, barren })
    if (fatal) this.options.onFatal(fatal)
    else this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${error.message}; trying again from other seeds`)
    return fatal !== undefined
  }

  /** Tells of a failure that is none of the shard's: there is an earlier state to go on from, or in the end none. */
  private passes(shard: number, { lease }: Held, error: LeaseReport['error']): false {
    this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${error?.message ?? 'no reason given'}`)
    return false
  }

  /** Tells of a failure of another kind; true when it was one too many. */
  private givesUp(shard: number, { lease, issuedAt }: Held, error: LeaseReport['error']): boolean {
    const text = error?.message ?? 'no reason given'
    this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${text}`)
    const { clock, outageSince } = this.options
    const { count, since } = this.failures.add(shard, lease, issuedAt)
    // What was damaged in the bucket was written again before this.
    const { mayPass, [DAMAGED]: damaged } = error?.where ?? {}
    const isOutage = mayPass === true || damaged !== undefined || outageSince(issuedAt)
    if (count < MAX_FAILURES || (isOutage && clock.monotonic() - since < OUTAGE_MS)) return false
    const where = { ...error?.where, shard, lease, code: error?.code }
    this.fail(`shard ${shard} failed ${count} times in a row: ${text}`, where, error?.stack)
    return true
  }

  private fail(text: string, where: Where, userStack?: string): void {
    this.options.onFatal(new MillraceError('E_ROLLOUT', text, where, { userStack }))
  }

  /** After a lease that failed: what failed is not repeated, unless it has to be. */
  private retry(shard: number, next: LeaseStart): void {
    const failed = (this.failed.get(shard) ?? 0) + 1
    this.failed.set(shard, failed)
    this.start(shard, this.options.exact ? next : { ...next, retry: failed })
  }

  /** The function of a shard must have ended, though its goodbye was none that could be read. */
  gone(shard: number): void {
    const { meter, fates, signal, onEvent } = this.options
    const held = this.held.get(shard)
    if (!held || signal.aborted) return
    this.release(shard)
    fates?.over(held.lease, 'lost')
    meter.leaseEnded(held.lease)
    onEvent(`shard ${shard}, lease ${held.lease} was lost: nothing comes of it any more`)
    this.retry(shard, this.afterLoss(shard, held))
  }

  /** Waits for invocations being made; the functions themselves end by the manifest. */
  async close(): Promise<void> {
    this.watchdogs.close()
    await Promise.all(this.starting)
  }

  private start(
    shard: number,
    from: LeaseStart,
    { afterMs = 0, ticket = this.options.places.ticket() }: StartAs = {},
  ): void {
    const started: Promise<void> = this.issue(shard, from, { afterMs, ticket })
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

  private async issue(shard: number, from: LeaseStart, { afterMs, ticket }: Required<StartAs>): Promise<void> {
    const { clock, signal } = this.options
    if (afterMs > 0) await clock.sleep(afterMs, signal)
    const held = await this.issuer.issue(shard, from, ticket)
    if (held) this.watch(shard, held)
  }

  /** A function that has not said goodbye some time after its deadline is lost: its shard gets a new one. */
  private watch(shard: number, held: Held): void {
    if (this.held.get(shard) !== held || this.options.signal.aborted) return
    const now = this.options.clock.monotonic()
    const afterMs = Math.max(0, held.dueAt - now) + GRACE_MS
    this.watchdogs.set(shard, afterMs, () => this.lost(shard, held, now + afterMs))
  }

  private lost(shard: number, held: Held, lostAt: number): void {
    const { meter, fates, signal, onEvent } = this.options
    const { lease } = held
    if (this.held.get(shard) !== held || signal.aborted) return
    this.release(shard)
    meter.leaseEnded(lease)
    fates?.over(lease, 'lost')
    onEvent(`shard ${shard}, lease ${lease} was lost: no word since its deadline`)
    const silent = this.silentLeases(shard, held, lostAt)
    if (silent === 0) return this.retry(shard, this.afterLoss(shard, held))
    this.fail(
      `shard ${shard} failed ${silent} times in a row: no word since its deadline, and not one fragment; the env may hang in step or ` +
        `reset, or take longer for a fragment than a lease lasts (rollouts.leaseSeconds) or than the function's time-out allows`,
      { shard, lease },
    )
  }

  /**
   * How many leases came to nothing with a lost one, where that is too many; else 0. A healthy run never comes to it:
   *
   * - a function that waits, for its first policy or for a slow learner, ends its lease at its deadline and says so;
   * - a learner that does not listen (its inbox is full, it computed, it was suspended or stopped in a debugger) cannot know what was
   *   said meanwhile, and blames nobody;
   * - a queue's backlog that is being read brings fragments, or goodbyes, and either starts the count anew;
   * - a function for which Lambda has no environment is excused by Lambda's own word, for which there is time.
   */
  private silentLeases(shard: number, { lease, issuedAt, dueAt, heard }: Held, lostAt: number): number {
    const { clock, heardAllSince } = this.options
    const now = clock.monotonic()
    if (heard || now - lostAt > GRACE_MS || !heardAllSince(dueAt)) return 0
    const { count, since } = this.failures.add(shard, lease, issuedAt)
    return count >= MAX_FAILURES && now - since >= SILENCE_MS ? count : 0
  }

  private release(shard: number, started = true): void {
    const { places } = this.options
    this.watchdogs.clear(shard)
    this.held.delete(shard)
    if (started) places.leave()
    else places.leaveUnstarted()
  }
}

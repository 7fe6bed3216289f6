import { MillraceError } from '../../../shared/errors.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import type { ExactStarts } from './exactStarts.ts'
import { Gaps, type GapsOptions } from './gaps.ts'
import { type Held, Issuer, type IssuerOptions } from '../leases/issuer.ts'
import { Watchdogs } from '../leases/watchdogs.ts'

/** A function may be late by this much before its lease counts as lost. */
const GRACE_MS = 5_000
/** A function is given out in less, where one may run. */
const WAITS_MS = 5_000
/** In the names of these leases. */
const MARK = 'again-'
/** Repairs of one shard that may come to nothing in a row before the run ends. */
const MAX_FAILURES = 5
/** How often gaps are looked for. */
const LOOK_MS = 250

export interface RepairsOptions extends IssuerOptions, GapsOptions {
  readonly starts: ExactStarts
  readonly has: (shard: number, sequence: number) => boolean
  /** The function that works for this shard is gone: its goodbye must have been a message that cannot be read. */
  readonly onGone: (shard: number) => void
  readonly onFatal: (error: unknown) => void
}

/**
 * Makes fragments of an exact pace again that came damaged or not at all, by a lease of their own beside that of their shard, which goes
 * on. What that one sent since is good, and what comes twice is dropped.
 */
export class Repairs {
  private readonly options: RepairsOptions
  private readonly held = new Map<number, Held>()
  private readonly issuer: Issuer
  private readonly wanted: Set<number>[]
  /** By shard: repairs that came to nothing in a row. */
  private readonly failed = new Map<number, number>()
  private readonly gaps: Gaps
  /** They sent what they were to send, and may not have said goodbye: the bill ends with their time. */
  private unsettled: Held[] = []
  private readonly starting = new Set<Promise<void>>()
  private readonly watchdogs = new Watchdogs()

  constructor(options: RepairsOptions) {
    this.options = options
    this.gaps = new Gaps(options)
    this.issuer = new Issuer(options, this.held, MARK)
    this.wanted = Array.from({ length: options.shards }, () => new Set<number>())
  }

  get inFlight(): number {
    return this.held.size
  }

  /** This fragment came to nothing. */
  need(shard: number, sequence: number): void {
    this.wanted[shard]?.add(sequence)
    this.begin(shard)
  }

  /** A fragment came. */
  heard({ shard, lease }: { readonly shard: number; readonly lease: string }): void {
    this.gaps.heard(shard, !lease.startsWith(`${shard}-${MARK}`))
    const held = this.held.get(shard)
    // Its goodbye may be a message that cannot be read: it is not waited for, and counted where it comes.
    if (!held || this.missingOf(shard, held).length > 0) return
    this.unsettled.push(held)
    this.over(shard, held, false)
  }

  /** A message came that cannot be read. */
  unreadable(): void {
    this.gaps.unreadable()
  }

  /** A function said goodbye. @returns whether it was one of these */
  ended(report: LeaseReport): boolean {
    const { shard, lease, end, error } = report
    const held = this.held.get(shard)
    if (held?.lease !== lease) return false
    const { starts, meter, fates, onEvent } = this.options
    meter.leaseEnded(lease, report)
    fates?.over(lease, end === 'error' ? 'failed' : 'ended')
    this.issuer.ended(report)
    starts.keep(report)
    if (end === 'error') {
      onEvent(`shard ${shard}, lease ${lease} failed: ${error?.message ?? 'no reason given'}`)
      starts.unusable(report, held.start)
    }
    this.over(shard, held, end === 'error')
    return true
  }

  /** The platform says that an invocation came to nothing. @returns whether it was one of these */
  cameToNothing(of: { readonly lease: string } | { readonly requestId: string }, reason: string): boolean {
    const is = (held: Held) => ('lease' in of ? held.lease === of.lease : held.invocation.requestId === of.requestId)
    const found = [...this.held].find(([, held]) => is(held))
    if (!found) return false
    const [shard, held] = found
    const { lease } = held
    this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${reason}`)
    this.options.meter.leaseEnded(lease)
    this.options.fates?.cameToNothing(lease, { started: true, reason })
    this.over(shard, held, true)
    return true
  }

  /** Looks for fragments that never came, though later ones did. */
  async watch(): Promise<void> {
    const { clock, signal } = this.options
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal)
      if (!signal.aborted) this.look()
    }
  }

  async close(): Promise<void> {
    this.watchdogs.close()
    await Promise.all(this.starting)
  }

  private look(): void {
    const now = this.options.clock.monotonic()
    const late = this.unsettled.filter(({ dueAt }) => dueAt + GRACE_MS < now)
    for (const { lease } of late) this.options.meter.leaseEnded(lease)
    this.unsettled = this.unsettled.filter((held) => !late.includes(held))
    const { fragments, functions } = this.gaps.look((shard) => this.held.has(shard))
    for (const [shard, sequence] of fragments) {
      this.options.onEvent(`fragment ${sequence} of shard ${shard} did not come; it is made again`)
      this.need(shard, sequence)
    }
    for (const shard of functions.keys()) this.options.onGone(shard)
  }

  private begin(shard: number): void {
    const { starts, has, signal } = this.options
    const wanted = this.wanted[shard]
    if (!wanted || signal.aborted || this.held.has(shard)) return
    for (const sequence of wanted) if (has(shard, sequence)) wanted.delete(sequence)
    if (wanted.size === 0) return
    const [from, to] = [Math.min(...wanted), Math.max(...wanted) + 1]
    const start = starts.repair(shard, { from, to })
    // What is damaged again is wanted again; what comes after envs that start anew is for the next one.
    const until = start.firstSequence + (start.maxFragments ?? 0)
    for (const sequence of wanted) if (sequence < until) wanted.delete(sequence)
    const started: Promise<void> = this.issue(shard, start)
      .catch((error: unknown) => this.options.onFatal(error))
      .finally(() => this.starting.delete(started))
    this.starting.add(started)
  }

  private async issue(shard: number, start: ReturnType<ExactStarts['repair']>): Promise<void> {
    const { clock, signal, meter, fates } = this.options
    const given = new AbortController()
    void this.tellOfWaiting(shard, given.signal)
    // Every shard may be waiting for it.
    const wanted = { streams: [{ shard, start }], ticket: 0 }
    const [held] = await this.issuer.issue(wanted).finally(() => given.abort())
    if (!held || this.held.get(shard) !== held || signal.aborted) return
    this.watchdogs.set(shard, Math.max(0, held.dueAt - clock.monotonic()) + GRACE_MS, () => {
      if (this.held.get(shard) !== held) return
      meter.leaseEnded(held.lease)
      fates?.over(held.lease, 'lost')
      this.over(shard, held, true)
    })
  }

  /** It needs a function beside those of the shards. */
  private async tellOfWaiting(shard: number, given: AbortSignal): Promise<void> {
    const { clock, signal, onEvent } = this.options
    await clock.sleep(WAITS_MS, given)
    if (given.aborted || signal.aborted) return
    onEvent(
      `shard ${shard} waits for a function that makes a lost fragment again: every one that may run at a time works for a shard, ` +
        `until its lease ends (rollouts.leaseSeconds); let one more run than there are shards (functions.concurrency)`,
    )
  }

  /** What this lease was to send, and has not come. */
  private missingOf(shard: number, { start }: Held): number[] {
    const { firstSequence, sendFrom = firstSequence, maxFragments = 0 } = start
    const missing: number[] = []
    for (let sequence = sendFrom; sequence < firstSequence + maxFragments; sequence++)
      if (!this.options.has(shard, sequence)) missing.push(sequence)
    return missing
  }

  private over(shard: number, held: Held, failed: boolean): void {
    this.watchdogs.clear(shard)
    this.held.delete(shard)
    this.options.places.leave()
    if (!failed) {
      this.failed.delete(shard)
      return this.begin(shard)
    }
    for (const sequence of this.missingOf(shard, held)) this.wanted[shard]?.add(sequence)
    const count = (this.failed.get(shard) ?? 0) + 1
    this.failed.set(shard, count)
    if (count < MAX_FAILURES) return this.begin(shard)
    const text = `what shard ${shard} lacks could not be made again, ${count} times in a row`
    this.options.onFatal(new MillraceError('E_ROLLOUT', text, { shard }))
  }
}

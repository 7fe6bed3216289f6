import type { Clock, Invoker } from '../../shared/cloud/ports.ts'
import type { CostMeter } from '../../shared/cost/costMeter.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Lease, LeaseReport } from '../../shared/protocol/lease.ts'
import type { InvocationFailed } from '../../shared/protocol/message.ts'

/** A function may be late by this much before its lease counts as lost. */
const GRACE_MS = 5_000
const THROTTLE_PAUSE_MS = { first: 50, last: 5_000 }
/** After an invocation that Lambda took and then had no environment for: it has tried for a minute, or the function is stopped. */
const NOT_STARTED_PAUSE_MS = 5_000
/** Leases of one shard that may fail in a row, without a single fragment, before the run ends with their error. */
const MAX_FAILURES = 3

/** What is known of the lease a shard works under. */
interface Held {
  readonly lease: string
  readonly firstSequence: number
  requestId?: string
}

export interface LeaseKeeperOptions {
  readonly invoker: Invoker
  readonly clock: Clock
  readonly meter: CostMeter
  readonly leaseMs: number
  /** The payload for one lease; `deadline` in ms since the epoch. */
  readonly makeLease: (options: {
    readonly shard: number
    readonly lease: string
    readonly deadline: number
    readonly firstSequence: number
  }) => Lease
  /** The sequence number with which a shard goes on after a lease that was lost or failed and may have sent those before `sentUpTo`. */
  readonly goOnAt: (shard: number, sentUpTo: number) => number
  /** A lease ended in a way worth telling: it was lost, throttled, or it failed. */
  readonly onEvent: (text: string) => void
  /** The run cannot go on. */
  readonly onFatal: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Keeps one lease open for every shard: starts them, renews what ended, replaces what was lost. */
export class LeaseKeeper {
  private readonly options: LeaseKeeperOptions
  private readonly held = new Map<number, Held>()
  private readonly failures = new Map<number, number>()
  private readonly starting = new Set<Promise<void>>()
  private readonly watchdogs = new Map<number, NodeJS.Timeout>()
  private issued = 0

  constructor(options: LeaseKeeperOptions) {
    this.options = options
  }

  get inFlight(): number {
    return this.held.size
  }

  open(shards: number): void {
    for (let shard = 0; shard < shards; shard++) this.start(shard, 0)
  }

  /** A fragment came: the shard's function works. */
  alive(shard: number): void {
    if (this.failures.size > 0) this.failures.delete(shard)
  }

  private isCurrent(shard: number, lease: string): boolean {
    return this.held.get(shard)?.lease === lease
  }

  /** A function said goodbye. Its shard gets a new lease unless the run is over. */
  ended(report: LeaseReport): void {
    const { meter, signal, goOnAt } = this.options
    meter.leaseEnded(report.lease, report)
    const held = this.held.get(report.shard)
    if (held?.lease !== report.lease) return
    this.forget(report.shard)
    // 'stopped' is this learner's own word: the run is ending.
    if (signal.aborted || report.end === 'stopped') return
    if (report.end === 'error' && this.givesUp(report.shard, report.lease, report.error)) return
    // A lease that failed may have lost one fragment and sent the next.
    const sentUpTo = held.firstSequence + report.fragments
    this.start(report.shard, report.end === 'error' ? goOnAt(report.shard, sentUpTo) : sentUpTo)
  }

  /** The platform says that an invocation ended without an answer: it crashed, ran out of time or memory, or never started. */
  crashed(requestId: string, reason: string): void {
    const found = [...this.held].find(([, held]) => held.requestId === requestId)
    if (found) this.cameToNothing({ shard: found[0], lease: found[1].lease, started: true, reason })
  }

  /** The same, by the lease. One that was never started is tried again after a pause: nothing is wrong with the function. */
  cameToNothing({ shard, lease, started, reason }: Omit<InvocationFailed, 'kind' | 'run'>): void {
    const { meter, signal, goOnAt, onEvent } = this.options
    const held = this.held.get(shard)
    if (held?.lease !== lease || signal.aborted) return
    this.forget(shard)
    meter.leaseEnded(lease)
    if (!started) onEvent(`shard ${shard}, lease ${lease}: ${reason}; trying again in ${NOT_STARTED_PAUSE_MS} ms`)
    else if (this.givesUp(shard, lease, { code: 'E_ROLLOUT', message: reason })) return
    this.start(shard, goOnAt(shard, held.firstSequence), started ? 0 : NOT_STARTED_PAUSE_MS)
  }

  /** Tells of a failure; true when it was one too many. */
  private givesUp(shard: number, lease: string, error: LeaseReport['error']): boolean {
    const failures = (this.failures.get(shard) ?? 0) + 1
    this.failures.set(shard, failures)
    const text = error?.message ?? 'no reason given'
    this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${text}`)
    if (failures < MAX_FAILURES) return false
    const where = { shard, lease, code: error?.code }
    this.options.onFatal(
      new MillraceError('E_ROLLOUT', `shard ${shard} failed ${failures} times in a row: ${text}`, where),
    )
    return true
  }

  /** Waits for invocations being made; the functions themselves end by the manifest. */
  async close(): Promise<void> {
    for (const watchdog of this.watchdogs.values()) clearTimeout(watchdog)
    await Promise.all(this.starting)
  }

  private start(shard: number, firstSequence: number, afterMs = 0): void {
    const started: Promise<void> = this.invoke(shard, firstSequence, afterMs)
      .catch((error: unknown) => this.options.onFatal(error))
      .finally(() => this.starting.delete(started))
    this.starting.add(started)
  }

  private async invoke(shard: number, firstSequence: number, afterMs: number): Promise<void> {
    const { invoker, clock, meter, leaseMs, makeLease, onEvent, signal } = this.options
    if (afterMs > 0) await clock.sleep(afterMs, signal)
    let pauseMs = THROTTLE_PAUSE_MS.first
    for (;;) {
      if (signal.aborted) return
      const lease = `${shard}-${this.issued++}`
      const deadline = clock.now() + leaseMs
      const payload = new TextEncoder().encode(JSON.stringify(makeLease({ shard, lease, deadline, firstSequence })))
      const held: Held = { lease, firstSequence }
      this.held.set(shard, held)
      meter.leaseStarted(lease)
      const result = await invoker.invoke(payload)
      if (result.kind === 'accepted') {
        if (result.requestId !== undefined) held.requestId = result.requestId
        this.watch(shard, { lease, deadline, firstSequence })
        return
      }
      meter.leaseEnded(lease)
      this.held.delete(shard)
      onEvent(`shard ${shard} was throttled (${result.reason}); trying again in ${pauseMs} ms`)
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, THROTTLE_PAUSE_MS.last)
    }
  }

  /** A function that has not said goodbye some time after its deadline is lost: its shard gets a new one. */
  private watch(shard: number, { lease, deadline, firstSequence }: Held & { readonly deadline: number }): void {
    if (!this.isCurrent(shard, lease) || this.options.signal.aborted) return
    const watchdog = setTimeout(
      () => {
        if (!this.isCurrent(shard, lease) || this.options.signal.aborted) return
        this.forget(shard)
        this.options.meter.leaseEnded(lease)
        this.options.onEvent(`shard ${shard}, lease ${lease} was lost: no word since its deadline`)
        this.start(shard, this.options.goOnAt(shard, firstSequence))
      },
      Math.max(0, deadline - this.options.clock.now()) + GRACE_MS,
    )
    watchdog.unref()
    this.watchdogs.set(shard, watchdog)
  }

  private forget(shard: number): void {
    clearTimeout(this.watchdogs.get(shard))
    this.watchdogs.delete(shard)
    this.held.delete(shard)
  }
}

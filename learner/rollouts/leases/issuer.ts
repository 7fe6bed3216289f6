import { OUTAGE_MS } from '../../../shared/cloud/patience.ts'
import type { Clock, Invoker } from '../../../shared/cloud/ports.ts'
import type { CostMeter } from '../../../shared/cost/costMeter.ts'
import type { Lease, LeaseReport, StoredObject } from '../../../shared/protocol/lease.ts'
import { UnconfirmedLeases } from './unconfirmedLeases.ts'
import type { LeaseFates } from './leaseFates.ts'
import type { Places } from './places.ts'
import { RecurringWarning } from '../recurringWarning.ts'

const PAUSE_MS = { first: 50, last: 5_000 }

/** What is known of the lease a shard works under. Times in monotonic ms: a wall clock that is set must not end leases. */
export interface Held {
  readonly lease: string
  readonly firstSequence: number
  /** As it was asked for. */
  readonly start: LeaseStart
  readonly issuedAt: number
  readonly dueAt: number
  requestId?: string
  /** Has a fragment of the shard come since? */
  heard: boolean
  /** Its turn among those that wait for a function; see `Places`. */
  readonly ticket: number
}

/** Where a shard's next lease begins. */
export interface LeaseStart {
  readonly firstSequence: number
  /** Leases of this shard that failed in a row before it. */
  readonly retry?: number
  /** What the shard's last lease left, where it left anything. */
  readonly envState?: StoredObject | undefined
  /** What comes before is stepped and not sent; see `Lease.sendFrom`. */
  readonly sendFrom?: number
  /** How many it steps at most. */
  readonly maxFragments?: number
}

interface LeaseIdentity {
  readonly shard: number
  readonly lease: string
  /** ms since the epoch */
  readonly deadline: number
}

export interface IssuerOptions {
  readonly invoker: Invoker
  readonly clock: Clock
  readonly meter: CostMeter
  /** For how many functions there is room, and whose turn it is. */
  readonly places: Places
  readonly leaseMs: number
  /** Counts what becomes of leases. */
  readonly fates?: LeaseFates | undefined
  /** The payload for one lease. */
  readonly makeLease: (lease: LeaseStart & LeaseIdentity) => Lease
  readonly onEvent: (text: string) => void
  readonly signal: AbortSignal
}

/** Gives out leases as there is room for functions, and tries again for as long as Lambda is at a limit or may only be having a bad minute. */
export class Issuer {
  private readonly options: IssuerOptions
  private readonly held: Map<number, Held>
  private readonly unconfirmed: UnconfirmedLeases
  private readonly outage = new RecurringWarning()
  private readonly mark: string
  private issued = 0

  /** @param held by shard: what is issued is put there, and taken away where nobody took it; @param mark tells its leases from those of another issuer */
  constructor(options: IssuerOptions, held: Map<number, Held>, mark = '') {
    this.options = options
    this.mark = mark
    this.held = held
    this.unconfirmed = new UnconfirmedLeases(options.meter)
  }

  /**
   * Every try is a lease of its own: what became of the one before it may be unknown.
   *
   * @param ticket its turn, from `Places.ticket`
   * @returns the lease that was taken; undefined where the run ended first, or the lease did
   * @throws MillraceError E_INVOKE when Lambda refuses, or has failed for three minutes
   */
  async issue(shard: number, start: LeaseStart, ticket: number): Promise<Held | undefined> {
    const { invoker, clock, meter, places, fates, leaseMs, makeLease, onEvent, signal } = this.options
    let outSince: number | undefined
    for (let pauseMs = PAUSE_MS.first; !signal.aborted;) {
      const { firstSequence } = start
      const turn = await places.enter({ shard, firstSequence, ticket })
      if (!turn) return undefined
      const lease = `${shard}-${this.mark}${this.issued++}`
      const issuedAt = clock.monotonic()
      const dueAt = issuedAt + leaseMs
      const deadline = clock.now() + leaseMs
      const payload = new TextEncoder().encode(JSON.stringify(makeLease({ shard, lease, deadline, ...start })))
      const held: Held = { lease, firstSequence, start, issuedAt, dueAt, heard: false, ticket }
      this.held.set(shard, held)
      meter.leaseStarted(lease)
      fates?.issued(lease)
      const result = await invoker.invoke(payload).catch((error: unknown) => {
        turn.failed()
        throw error
      })
      if (result.kind === 'accepted' || this.held.get(shard) !== held) {
        turn.taken()
        // Its goodbye was faster than the answer, whatever that says, and has seen to its shard.
        if (this.held.get(shard) !== held) return undefined
        if (result.kind === 'accepted' && result.requestId !== undefined) held.requestId = result.requestId
        return held
      }
      meter.leaseEnded(lease)
      fates?.over(lease, result.kind === 'throttled' ? 'throttled' : 'unanswered')
      this.held.delete(shard)
      if (result.kind === 'throttled') {
        outSince = undefined
        turn.refused(result.reason)
        continue
      }
      turn.failed()
      const now = clock.monotonic()
      this.unconfirmed.add(lease, dueAt, now)
      outSince ??= now
      if (now - outSince >= OUTAGE_MS) throw result.error
      if (this.outage.isDue(now)) onEvent(`${result.error.message}; trying again, for ${OUTAGE_MS / 60_000} minutes`)
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)
    }
    return undefined
  }

  /** A goodbye came, of whatever lease. */
  ended(report: LeaseReport): void {
    this.unconfirmed.ended(report)
  }
}

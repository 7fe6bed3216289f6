import { OUTAGE_MS } from '../../../shared/cloud/patience.ts'
import type { Clock, Invoker } from '../../../shared/cloud/ports.ts'
import type { CostMeter } from '../../../shared/cost/costMeter.ts'
import type { Invocation } from '../../../shared/protocol/invocation.ts'
import type { LeaseReport, StoredObject } from '../../../shared/protocol/lease.ts'
import { UnconfirmedLeases } from './unconfirmedLeases.ts'
import type { LeaseFate, LeaseFates } from './leaseFates.ts'
import type { Places } from './places.ts'
import { RecurringWarning } from '../recurringWarning.ts'

const PAUSE_MS = { first: 50, last: 5_000 }

/** What is known of the lease a shard works under. Times in monotonic ms: a wall clock that is set must not end leases. */
export interface Held {
  readonly shard: number
  readonly lease: string
  readonly firstSequence: number
  /** As it was asked for. */
  readonly start: LeaseStart
  readonly issuedAt: number
  readonly dueAt: number
  /** Has a fragment of the shard come since? */
  heard: boolean
  readonly invocation: HeldInvocation
}

/** The function at work on a lease, and perhaps on others beside it. */
export interface HeldInvocation {
  requestId?: string
  /** Leases of it that are not over. */
  open: number
  /** Its turn among those that wait for a function; see `Places`. */
  readonly ticket: number
}

/** What one function is wanted for. */
export interface Wanted {
  readonly streams: readonly { readonly shard: number; readonly start: LeaseStart }[]
  /** Its turn, from `Places.ticket`. */
  readonly ticket: number
  /** When its leases are to end, by when they begin, monotonic ms; after `leaseMs` unless told. */
  readonly endsAt?: (now: number) => number | undefined
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

/** A lease to be given out. */
export interface NewLease extends LeaseStart {
  readonly shard: number
  readonly lease: string
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
  /** The payload for leases that one function works on. @param deadline ms since the epoch; `lastsMs`: how long it is until then */
  readonly makeInvocation: (
    leases: readonly NewLease[],
    until: { readonly deadline: number; readonly lastsMs: number },
  ) => Invocation
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
   * Every try is of leases of their own: what became of those before may be unknown.
   *
   * @returns the leases that were taken and are not over yet; none where the run ended first
   * @throws MillraceError E_INVOKE when Lambda refuses, or has failed for three minutes
   */
  async issue({ streams, ticket, endsAt }: Wanted): Promise<readonly Held[]> {
    const { invoker, clock, places, leaseMs, onEvent, signal } = this.options
    let outSince: number | undefined
    const firstSequence = Math.min(...streams.map(({ start }) => start.firstSequence))
    for (let pauseMs = PAUSE_MS.first; !signal.aborted;) {
      const turn = await places.enter({ firstSequence, ticket })
      if (!turn) return []
      const issuedAt = clock.monotonic()
      const dueAt = endsAt?.(issuedAt) ?? issuedAt + leaseMs
      const leases = this.begin(streams, { issuedAt, dueAt, ticket })
      const result = await invoker.invoke(this.payload(leases, dueAt - issuedAt)).catch((error: unknown) => {
        turn.failed()
        throw error
      })
      const held = leases.filter((one) => this.held.get(one.shard) === one)
      // A goodbye that was faster than the answer, whatever that says, has seen to its shard.
      if (result.kind === 'accepted' || held.length < leases.length) {
        turn.taken()
        const [first] = held
        if (first && result.kind === 'accepted' && result.requestId !== undefined)
          first.invocation.requestId = result.requestId
        return held
      }
      this.cameToNothing(leases, result.kind === 'throttled' ? 'throttled' : 'unanswered')
      if (result.kind === 'throttled') {
        outSince = undefined
        turn.refused(result.reason)
        continue
      }
      turn.failed()
      const now = clock.monotonic()
      this.unconfirmed.add(
        leases.map(({ lease }) => lease),
        dueAt,
        now,
      )
      outSince ??= now
      if (now - outSince >= OUTAGE_MS) throw result.error
      if (this.outage.isDue(now)) onEvent(`${result.error.message}; trying again, for ${OUTAGE_MS / 60_000} minutes`)
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)
    }
    return []
  }

  private begin(
    streams: Wanted['streams'],
    { ticket, ...times }: Pick<Held, 'issuedAt' | 'dueAt'> & Pick<HeldInvocation, 'ticket'>,
  ): readonly Held[] {
    const { meter, fates } = this.options
    const invocation: HeldInvocation = { open: streams.length, ticket }
    const leases = streams.map(({ shard, start }): Held => {
      const { firstSequence } = start
      const lease = `${shard}-${this.mark}${this.issued++}`
      return { shard, lease, firstSequence, start, ...times, heard: false, invocation }
    })
    for (const one of leases) this.held.set(one.shard, one)
    const names = leases.map(({ lease }) => lease)
    meter.invoked(names)
    fates?.issued(names)
    return leases
  }

  private payload(leases: readonly Held[], lastsMs: number): Uint8Array {
    const { clock, makeInvocation } = this.options
    const given = leases.map(({ shard, lease, start }) => ({ shard, lease, ...start }))
    const invocation = makeInvocation(given, { deadline: clock.now() + lastsMs, lastsMs })
    return new TextEncoder().encode(JSON.stringify(invocation))
  }

  private cameToNothing(leases: readonly Held[], fate: LeaseFate): void {
    const { meter, fates } = this.options
    for (const { shard, lease } of leases) {
      meter.leaseEnded(lease)
      fates?.over(lease, fate)
      this.held.delete(shard)
    }
  }

  /** A goodbye came, of whatever lease. */
  ended(report: LeaseReport): void {
    this.unconfirmed.ended(report)
  }
}

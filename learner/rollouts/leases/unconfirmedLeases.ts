import type { CostMeter } from '../../../shared/cost/costMeter.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'

/** A function that was started says goodbye about its deadline; what has not by then was never started, or nobody will know. */
const KEPT_AFTER_DEADLINE_MS = 600_000

/** An invocation of which it is not known whether it was made. */
interface Unconfirmed {
  readonly deadline: number
  /** Is it on the bill? Its time is that of the lease that was heard of first. */
  isBilled: boolean
}

/**
 * Leases whose invocation got no answer. Lambda may have taken one all the same: then two functions work for one shard, under two
 * leases, from the same sequence number. Nothing is trained on twice, since the inbox takes each number of a shard once; and in exact
 * pacing both make the same bytes. Only what the function costs would be missed, and is taken from its goodbyes, once.
 */
export class UnconfirmedLeases {
  private readonly meter: CostMeter
  private readonly leases = new Map<string, Unconfirmed>()

  constructor(meter: CostMeter) {
    this.meter = meter
  }

  /** @param leases of one invocation; @param deadline of them, and `now`: monotonic ms */
  add(leases: readonly string[], deadline: number, now: number): void {
    for (const [old, known] of this.leases) {
      if (known.deadline + KEPT_AFTER_DEADLINE_MS > now) break
      this.leases.delete(old)
    }
    const invocation = { deadline, isBilled: false }
    for (const lease of leases) this.leases.set(lease, invocation)
  }

  /** A goodbye came, perhaps of one of these, perhaps not for the first time. */
  ended(report: LeaseReport): void {
    const { lease, requests } = report
    const invocation = this.leases.get(lease)
    if (!invocation) return
    this.leases.delete(lease)
    if (invocation.isBilled) return this.meter.request(requests)
    invocation.isBilled = true
    this.meter.invoked([lease])
    this.meter.leaseEnded(lease, report)
  }
}

import type { CostMeter } from '../../../shared/cost/costMeter.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'

/** A function that was started says goodbye about its deadline; what has not by then was never started, or nobody will know. */
const KEPT_AFTER_DEADLINE_MS = 600_000

/**
 * Leases whose invocation got no answer. Lambda may have taken one all the same: then two functions work for one shard, under two
 * leases, from the same sequence number. Nothing is trained on twice, since the inbox takes each number of a shard once; and in exact
 * pacing both make the same bytes. Only what the function costs would be missed, and is taken from its goodbye, once.
 */
export class UnconfirmedLeases {
  private readonly meter: CostMeter
  private readonly deadlines = new Map<string, number>()

  constructor(meter: CostMeter) {
    this.meter = meter
  }

  /** @param deadline of the lease, and `now`: monotonic ms */
  add(lease: string, deadline: number, now: number): void {
    for (const [old, at] of this.deadlines) {
      if (at + KEPT_AFTER_DEADLINE_MS > now) break
      this.deadlines.delete(old)
    }
    this.deadlines.set(lease, deadline)
  }

  /** A goodbye came, perhaps of one of these, perhaps not for the first time. */
  ended(report: LeaseReport): void {
    if (!this.deadlines.delete(report.lease)) return
    this.meter.leaseStarted(report.lease)
    this.meter.leaseEnded(report.lease, report)
  }
}

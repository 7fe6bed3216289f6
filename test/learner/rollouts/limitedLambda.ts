import { systemClock } from '../../../shared/cloud/clock.ts'
import type { InvokeResult } from '../../../shared/cloud/ports.ts'
import { parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { Lease, LeaseReport } from '../../../shared/protocol/lease.ts'
import { reportOf } from './inboxes.ts'

export interface LambdaLimits {
  readonly concurrency?: number
  /** New environments: so many in every ten seconds. */
  readonly newEnvironments?: number
  /** Do they come back evenly, and not all at once? */
  readonly evenly?: boolean
  /** What happens to an invocation without room: it is refused (429), or waits in Lambda's own queue for a minute at most. */
  readonly without?: 'refused' | 'queued'
  /** How long functions work; Infinity: longer than the test looks. */
  readonly leaseMs: number
  readonly onEnd: (report: LeaseReport) => void
  readonly onNotStarted?: (lease: Lease) => void
}

const ANSWER_MS = 15
/** When Lambda tries an event again that found no room; by the last it is over. */
const RETRIES_MS = [1_000, 2_000, 4_000, 8_000, 16_000]

/** Lambda as far as its limits go: functions that only take their time, on the system clock. */
export function limitedLambda(limits: LambdaLimits) {
  const { concurrency = Infinity, newEnvironments = Infinity, evenly = false, without = 'refused', leaseMs } = limits
  const done: Lease[] = []
  const from = systemClock.monotonic()
  let [running, warm, tokens, filledAt, busyMs] = [0, 0, newEnvironments, from, 0]
  const seen = { refused: 0, notStarted: 0, atOnce: 0, onTheirWay: 0, mostOnTheirWay: 0, lastPlacedMs: 0 }
  const refill = () => {
    const now = systemClock.monotonic()
    // One after the other, or all of them every ten seconds.
    const [eachMs, at] = evenly ? [10_000 / newEnvironments, 1] : [10_000, newEnvironments]
    const due = Math.floor((now - filledAt) / eachMs)
    if (due < 1) return
    tokens = Math.min(newEnvironments, tokens + due * at)
    filledAt += due * eachMs
  }
  const place = (lease: Lease): boolean => {
    refill()
    const isNew = running >= warm
    if (running >= concurrency || (isNew && tokens < 1)) return false
    if (isNew) [tokens, warm] = [tokens - 1, warm + 1]
    running++
    seen.atOnce = Math.max(seen.atOnce, running)
    seen.lastPlacedMs = systemClock.monotonic() - from
    if (leaseMs === Infinity) return true
    void systemClock.sleep(leaseMs).then(async () => {
      limits.onEnd(
        reportOf({ shard: lease.shard, lease: lease.lease, end: 'deadline', fragments: 3, totalMs: leaseMs }),
      )
      done.push(lease)
      busyMs += leaseMs
      // A function says goodbye, and ends a moment later.
      await systemClock.sleep(5)
      running--
    })
    return true
  }
  const wait = async (lease: Lease) => {
    for (const ms of RETRIES_MS) {
      await systemClock.sleep(ms)
      if (place(lease)) return
    }
    seen.notStarted++
    limits.onNotStarted?.(lease)
  }
  return {
    seen,
    /** Leases that were worked on to their end. */
    done,
    /** The share of all that `places` could have done that functions did. */
    use: (places: number): number => busyMs / (places * (systemClock.monotonic() - from)),
    async invoke(payload: Uint8Array): Promise<InvokeResult> {
      const [lease] = parseInvocation(JSON.parse(new TextDecoder().decode(payload)))
      seen.mostOnTheirWay = Math.max(seen.mostOnTheirWay, ++seen.onTheirWay)
      await systemClock.sleep(ANSWER_MS)
      seen.onTheirWay--
      if (place(lease)) return { kind: 'accepted' }
      if (without === 'queued') void wait(lease)
      else seen.refused++
      return without === 'queued'
        ? { kind: 'accepted' }
        : { kind: 'throttled', reason: 'ConcurrentInvocationLimitExceeded' }
    },
  }
}

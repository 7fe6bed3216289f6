import type { LeaseReport } from '../protocol/lease.ts'
import type { PriceBook } from './priceBook.ts'

const PARTS = ['functions', 's3', 'sqs', 'learner'] as const
/** `lost`: what learners that were lost had spent since their last checkpoint, where any was. */
type CostByPart = Record<(typeof PARTS)[number], number> & { lost?: number }

interface CostMeterOptions {
  readonly memoryMb: number
  /** Of the rollout functions; without it the price book's, of arm64. */
  readonly functionGbSecondUsd?: number | undefined
  /** ms of a monotonic clock: a wall clock that is set would make hours of nothing, or take back what was spent */
  readonly now: () => number
  /** Of the learner's machine; without it the price book's. */
  readonly learnerHourUsd?: number | undefined
  /** USD by part of earlier attempts at the run. */
  readonly before?: Readonly<Partial<CostByPart>> | undefined
}

/** A function at work on one lease or several. */
interface Invocation {
  readonly startedAt: number
  /** Leases that are not over. */
  open: number
  /** Of the longest of those that are. */
  ms: number
}

/** What a run would cost on AWS at list prices: functions, requests and the learner's own hours. Only adds up; it bounds nothing. */
export class CostMeter {
  private readonly prices: PriceBook
  private readonly memoryGb: number
  private readonly clock: () => number
  private readonly startedAt: number
  private readonly functionGbSecondUsd: number
  private readonly learnerHourUsd: number
  private readonly before: Readonly<Partial<CostByPart>>
  /** By lease. */
  private readonly running = new Map<string, Invocation>()
  private functionMs = 0
  private invocations = 0
  private requests = { s3Put: 0, s3Get: 0, sqs: 0 }

  constructor(prices: PriceBook, options: CostMeterOptions) {
    const { memoryMb, functionGbSecondUsd, now, learnerHourUsd, before = {} } = options
    this.prices = prices
    this.functionGbSecondUsd = functionGbSecondUsd ?? prices.functionGbSecond.usd
    this.memoryGb = memoryMb / 1024
    this.clock = now
    this.startedAt = now()
    this.learnerHourUsd = learnerHourUsd ?? prices.learnerHour.usd
    this.before = before
  }

  /** A function was invoked, for these leases. */
  invoked(leases: readonly string[]): void {
    this.invocations++
    const invocation = { startedAt: this.clock(), open: leases.length, ms: 0 }
    for (const lease of leases) this.running.set(lease, invocation)
  }

  /**
   * The time of a function is that of its longest lease, and is paid once.
   *
   * @param report the function's own account; without one (it was lost) the time since its start is what it may have cost
   */
  leaseEnded(lease: string, report?: LeaseReport): void {
    const invocation = this.running.get(lease)
    if (invocation === undefined) return
    this.running.delete(lease)
    invocation.ms = Math.max(invocation.ms, report?.totalMs ?? this.clock() - invocation.startedAt)
    if (--invocation.open === 0) this.functionMs += invocation.ms
    if (report) this.request(report.requests)
  }

  /** Requests the learner made, or a function reported. */
  request(made: { readonly s3Put?: number; readonly s3Get?: number; readonly sqs?: number }): void {
    this.requests.s3Put += made.s3Put ?? 0
    this.requests.s3Get += made.s3Get ?? 0
    this.requests.sqs += made.sqs ?? 0
  }

  /** USD by part; a running function counts for the time it has run. */
  byPart(): CostByPart {
    const now = this.clock()
    let ms = this.functionMs
    for (const { startedAt } of new Set(this.running.values())) ms += now - startedAt
    const { prices, requests } = this
    const parts: CostByPart = {
      functions: (ms / 1000) * this.memoryGb * this.functionGbSecondUsd + this.invocations * prices.functionRequest.usd,
      s3: requests.s3Put * prices.s3Write.usd + requests.s3Get * prices.s3Read.usd,
      sqs: requests.sqs * prices.sqsRequest.usd,
      learner: ((now - this.startedAt) / 3_600_000) * this.learnerHourUsd,
    }
    for (const part of PARTS) parts[part] += this.before[part] ?? 0
    const { lost } = this.before
    return lost === undefined ? parts : { ...parts, lost }
  }

  total(): number {
    return Object.values(this.byPart()).reduce((sum, part) => sum + part, 0)
  }
}

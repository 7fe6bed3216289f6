import { OUTAGE_MS } from '../../shared/cloud/patience.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { RecurringWarning } from '../rollouts/recurringWarning.ts'

/** Knows of outages of S3 and SQS. Tells of each service's outage once, with its cause: every call that fails is a sign of the same one. */
export class Outages {
  private readonly warnings = new Map<string, RecurringWarning>()
  private seenAt = Number.NEGATIVE_INFINITY
  private readonly clock: Clock
  private readonly onEvent: (text: string) => void

  constructor(clock: Clock, onEvent: (text: string) => void) {
    this.clock = clock
    this.onEvent = onEvent
  }

  /** A call failed, and is tried again. */
  readonly seen = (error: unknown): void => {
    const code = isMillraceError(error) ? error.code : ''
    const warning = this.warnings.get(code) ?? new RecurringWarning()
    this.warnings.set(code, warning)
    this.seenAt = this.clock.monotonic()
    if (!warning.isDue(this.seenAt)) return
    const text = error instanceof Error ? error.message : String(error)
    this.onEvent(`${text}; trying again, for ${OUTAGE_MS / 60_000} minutes`)
  }

  /** Has a call failed since then (monotonic ms)? Functions had the same trouble. */
  readonly since = (ms: number): boolean => this.seenAt >= ms
}

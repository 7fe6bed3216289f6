import type { Clock } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { Failures } from './failures.ts'
import { RecurringWarning } from '../recurringWarning.ts'

/** Before a shard's next lease; doubles with every one in a row. */
const PAUSE_MS = { first: 1_000, last: 30_000, mute: 5_000 }
/** Leases of one shard in a row; with their pauses that is two and a half minutes, which an object store's trouble seldom lasts. */
const MAX_IN_A_ROW = 10
/** A goodbye is on its way no longer than this, nor an event that waits for its function. */
const OVERTAKEN_MS = 60_000
/** A function that worked, or waited for anything, has taken longer. */
const AT_ONCE_MS = 5_000

export interface MissedHeartbeatsOptions {
  readonly clock: Clock
  readonly leaseMs: number
  /** Until then functions have nothing to hear. */
  readonly policyIsOut: () => boolean
  /** Since when (monotonic ms) what the learner says has reached the bucket; while it does not, never. */
  readonly learnerSpeaksSince: () => number
  readonly onEvent: (text: string) => void
}

/**
 * Leases whose functions did not hear the learner: by their clock its heartbeat had run out, or their deadline had come, before a
 * single fragment. The next one would fare the same at once, thousands of times a minute, each of them billed.
 *
 * A learner that was only slow, or asleep, does not come to the end of this: it hears of such leases when it is awake again, and the
 * next function, after the pause, finds a heartbeat that is.
 */
export class MissedHeartbeats {
  private readonly options: MissedHeartbeatsOptions
  private readonly leases = new Failures()
  private readonly warning = new RecurringWarning()

  constructor(options: MissedHeartbeatsOptions) {
    this.options = options
  }

  /** Is this goodbye one? @param dueAt when the lease was to end, monotonic ms */
  is({ end, fragments, totalMs }: LeaseReport, dueAt: number): boolean {
    if (fragments > 0) return false
    if (end === 'heartbeat') return true
    const { clock, leaseMs } = this.options
    // By this clock half of the lease is still to come, and its function did not wait for anything either.
    return end === 'deadline' && totalMs < AT_ONCE_MS && dueAt - clock.monotonic() > leaseMs / 2
  }

  /**
   * @returns how long to wait before the shard's next lease, ms
   * @throws MillraceError E_ROLLOUT when it was one too many
   */
  pauseAfter({ shard, lease, totalMs }: LeaseReport): number {
    const { clock, policyIsOut, learnerSpeaksSince, onEvent } = this.options
    // The first policy may take its time: functions go without one, and are no sign of anything.
    if (!policyIsOut()) return PAUSE_MS.first
    const now = clock.monotonic()
    // The bucket's outage is why, and is told already.
    if (now - learnerSpeaksSince() < totalMs + OVERTAKEN_MS) return PAUSE_MS.mute
    const { count } = this.leases.add(shard, lease, now)
    const question = `is this machine's clock right (${new Date(clock.now()).toISOString()}), and can it write to the bucket?`
    if (this.warning.isDue(now)) {
      onEvent(
        `functions do not hear the learner (shard ${shard}, lease ${lease} ended without a fragment): ${question}`,
      )
    }
    if (count >= MAX_IN_A_ROW) {
      const text = `functions of shard ${shard} did not hear the learner, ${count} times in a row: ${question}`
      throw new MillraceError('E_ROLLOUT', text, { shard, lease })
    }
    return Math.min(PAUSE_MS.first * 2 ** (count - 1), PAUSE_MS.last)
  }

  /** A fragment came. */
  heard(shard: number): void {
    this.leases.forget(shard)
  }
}

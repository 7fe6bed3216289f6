import type { Clock, DeadMan } from '../../shared/cloud/ports.ts'
import { sentence } from './runRecord.ts'

/** Time until the next try after a failed push. */
const RETRY_MS = 20_000

interface DeadManKeeperParts {
  readonly deadMan: DeadMan
  readonly clock: Clock
  /** The schedules fire so long after the last push. */
  readonly afterMs: number
  readonly log: (text: string) => void
  /** It came back after the dead-man must have struck. */
  readonly onStruck: () => Promise<void>
}

/** Postpones the dead-man, three times as often as needed, until the signal aborts. */
export async function keepArmed(parts: DeadManKeeperParts, signal: AbortSignal): Promise<void> {
  const { deadMan, clock, afterMs, log, onStruck } = parts
  let failing = false
  let until = Infinity
  while (!signal.aborted) {
    try {
      const next = clock.now() + afterMs
      await deadMan.arm(next)
      if (clock.now() > until) await onStruck()
      until = next
      failing = false
    } catch (error) {
      if (!failing) log(`the dead-man could not be pushed on: ${sentence(error)}`)
      failing = true
    }
    await clock.sleep(failing ? Math.min(RETRY_MS, afterMs / 6) : afterMs / 3, signal)
  }
}

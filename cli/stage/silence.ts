import type { RunStatus } from '../../learner/stage/records.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { duration } from '../display/format.ts'
import { typed } from './stage.ts'

export interface SilenceWatch {
  /** @returns whether the learner is silent */
  look(status: RunStatus, seen: { readonly changed: boolean; readonly now: number }): boolean
}

/**
 * Says when the heartbeat of a run's learner has expired. Its length counts from when the status was last seen to change, not
 * by the learner's clock: the two machines need not agree on the time.
 */
export function silenceWatch(stage: StageDescription, note: (level: 'warn', text: string) => void): SilenceWatch {
  let changedAt = 0
  let silent = false
  return {
    look({ at, heartbeatUntil, checkpoint }, { changed, now }) {
      if (changed) {
        changedAt = now
        silent = false
      }
      const wordMs = Math.max(1000, (heartbeatUntil ?? at + stage.heartbeatSeconds * 1000) - at)
      if (silent || now - changedAt <= wordMs) return silent
      silent = true
      const from = checkpoint ? `from update ${checkpoint.updates}` : 'from the beginning'
      const next =
        stage.learner.kind === 'anywhere'
          ? `start another, which goes on ${from}: ${typed.learner(stage)}`
          : `another goes on ${from} when it is up`
      note('warn', `no sign of life of the learner for ${duration(now - changedAt)}, its functions have ended; ${next}`)
      return true
    },
  }
}

import type { RunStatus } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { livingLearner } from './runRecords.ts'
import { type Stage, typed } from './stage.ts'
import { livingSentence, wakeLearner } from './wakeLearner.ts'

const LOOK_MS = 10_000
/** After this time something is wrong, or the region has no machines left. */
const LONG_MS = 10 * 60_000

export interface WaitingRun {
  /**
   * @returns false when no learner will ever take the run, because it was withdrawn
   * @throws MillraceError E_PERMISSION, E_STORE, E_AWS
   */
  look(status: RunStatus): Promise<boolean>
}

/**
 * Says what a run without a learner waits for, whenever that changes. If the learner's group went back to zero before any learner took the
 * run (the learner was idle and ended just then, or the dead-man struck), a learner is started again. If it went back to zero later, the
 * learner's maximum time was over or the dead-man struck; then the user decides.
 */
export function waitingRun(
  run: string,
  stage: Stage,
  { clock, note }: { readonly clock: Clock; note(this: void, level: 'info' | 'warn', text: string): void },
): WaitingRun {
  const { description, store, group } = stage
  const { kind } = description.learner
  let since = clock.monotonic()
  let lookedAt = since
  let missed = false
  const said = new Set<string>()
  const sayOnce = (text: string, level: 'info' | 'warn' = 'info') => {
    if (!said.has(text)) note(level, text)
    said.add(text)
  }

  return {
    async look({ attempt }) {
      const now = clock.monotonic()
      if (now < lookedAt + LOOK_MS) return true
      if (now > lookedAt + 3 * LOOK_MS) begin(now)
      lookedAt = now
      if ((await store.get(keys.request(run))).kind === 'absent') {
        // The request of a run that has just ended is gone too; the next look at its status will say so.
        if (missed) return false
        missed = true
        return true
      }
      missed = false
      const living = await livingLearner(store, clock.now())
      if (living) {
        if (living.run !== run) sayOnce(livingSentence(living))
      } else if (kind === 'anywhere') sayOnce(`no learner is up; start one: ${typed.learner(description)}`)
      else await lookAtGroup(attempt, now)
      return true
    },
  }

  /** A learner had the run in between, so every note may be shown again. */
  function begin(now: number): void {
    since = now
    said.clear()
  }

  async function lookAtGroup(attempt: number, now: number): Promise<void> {
    const { desired, running } = await group.size()
    if (desired === 0 && attempt === 0)
      return note('info', `the learner went away before it took the run; ${await wakeLearner(stage, clock.now())}`)
    if (desired === 0) return sayOnce(abandoned(), 'warn')
    if (running > 0) sayOnce('a machine is up; the learner on it is starting')
    if (now - since > LONG_MS) sayOnce(tooLong(running > 0), 'warn')
  }

  function abandoned(): string {
    const why = `its learner was up for ${description.maxHours} hours, or the dead-man struck`
    return `no learner is asked for any more (${why}); ${typed.learner(description)} on any machine goes on with the run`
  }

  function tooLong(up: boolean): string {
    if (up) return `the machine is up but no learner is; see ${typed.logs(description)}`
    const why = kind === 'gpu' ? 'the region may have no spot capacity of these types' : 'the container does not start'
    return `no machine after 10 minutes: ${why}; ${typed.stop(description, run)} takes the run back`
  }
}

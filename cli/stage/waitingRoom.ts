import type { RunStatus } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { livingLearner } from './runRecords.ts'
import { type Stage, typed } from './stage.ts'
import { livingSentence, wakeLearner } from './wakeLearner.ts'

const LOOK_MS = 10_000
/** Then something is wrong, or the region is out of machines. */
const LONG_MS = 10 * 60_000

export interface WaitingRoom {
  /**
   * @returns false when nobody will ever take the run: it was taken back
   * @throws MillraceError E_PERMISSION, E_STORE, E_AWS
   */
  look(status: RunStatus): Promise<boolean>
}

/**
 * What a run that no learner is at waits for, said whenever it changes. A group that went back to none before any learner took the run (one
 * ended for idleness at that very moment; the dead-man struck) is asked again, for nobody else would. One that went back to none
 * later did so for a reason: its longest time was over, or the dead-man struck. That is for the user to decide.
 */
export function waitingRoom(
  run: string,
  stage: Stage,
  { clock, note }: { readonly clock: Clock; note(this: void, level: 'info' | 'warn', text: string): void },
): WaitingRoom {
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
        // A run that has just ended loses its request too: its status says so by the next look.
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

  /** A learner had the run in between: what is said of the next wait is new. */
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

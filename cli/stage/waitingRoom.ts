import type { Clock } from '../../shared/cloud/ports.ts'
import { livingLearner } from './runRecords.ts'
import { type Stage, typed } from './stage.ts'
import { livingSentence, wakeLearner } from './wakeLearner.ts'

const LOOK_MS = 10_000
/** Then something is wrong, or the region is out of machines. */
const LONG_MS = 10 * 60_000

export interface WaitingRoom {
  /** @throws MillraceError E_PERMISSION, E_STORE, E_AWS */
  look(): Promise<void>
}

/**
 * What a run that no learner has taken yet waits for, said whenever it changes. A group that went back to none (a learner ended for
 * idleness at that very moment; the dead-man struck) is asked again, for nobody else would.
 */
export function waitingRoom(
  run: string,
  stage: Stage,
  { clock, note }: { readonly clock: Clock; note(this: void, level: 'info' | 'warn', text: string): void },
): WaitingRoom {
  const { description, store, group } = stage
  const { kind } = description.learner
  const since = clock.now()
  let nextLookAt = since + LOOK_MS
  const said = new Set<string>()
  const sayOnce = (text: string, level: 'info' | 'warn' = 'info') => {
    if (!said.has(text)) note(level, text)
    said.add(text)
  }

  return {
    async look() {
      const now = clock.now()
      if (now < nextLookAt) return
      nextLookAt = now + LOOK_MS
      const living = await livingLearner(store, now)
      if (living) {
        if (living.run !== run) sayOnce(livingSentence(living))
        return
      }
      if (kind === 'anywhere') return sayOnce(`no learner is up; start one: ${typed.learner(description)}`)
      const { desired, running } = await group.size()
      if (desired === 0) note('info', `the learner went away before it took the run; ${await wakeLearner(stage, now)}`)
      else if (running > 0) sayOnce('a machine is up; the learner on it is starting')
      if (desired > 0 && now - since > LONG_MS) sayOnce(tooLong(running > 0), 'warn')
    },
  }

  function tooLong(up: boolean): string {
    if (up) return `the machine is up but no learner is; see ${typed.logs(description)}`
    const why = kind === 'gpu' ? 'the region may have no spot capacity of these types' : 'the container does not start'
    return `no machine after 10 minutes: ${why}; ${typed.stop(description, run)} takes the run back`
  }
}

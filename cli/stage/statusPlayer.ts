import type { RunStatus } from '../../learner/stage/records.ts'
import type { Following } from './followRun.ts'

/** Plays the statuses of a run to an observer: onStart once, each numbered event once, progress as it comes, onEnd with the summary. */
export function statusPlayer(observer: Following['observer']): { play(status: RunStatus): void } {
  let before: RunStatus | undefined
  let nextEvent = 0
  let started = false
  const say = (text: string, level: 'info' | 'warn' = 'info') => observer.onEvent({ level, text })

  function changeOfLearner({ state, attempt, learner }: RunStatus): void {
    if (!before) return
    if (state !== 'running' || (before.state === 'running' && attempt === before.attempt)) return
    const host = learner ? `the learner on ${learner.host}` : 'a learner'
    say(attempt > 1 ? `${host} took the run over` : `${host} took the run`) // from where, it says itself
  }

  function newEvents({ events }: RunStatus): void {
    const first = events[0]
    if (before && first && first.n > nextEvent) say(`${first.n - nextEvent} events came too fast to be shown`)
    for (const { n, level, text } of events) if (n >= nextEvent) say(text, level)
    nextEvent = Math.max(nextEvent, (events.at(-1)?.n ?? -1) + 1)
  }

  return {
    play(status) {
      changeOfLearner(status)
      if (status.info && !started) {
        started = true
        observer.onStart(status.info)
      }
      newEvents(status)
      if (status.summary) observer.onEnd(status.summary)
      else if (status.progress) observer.onProgress(status.progress)
      before = status
    },
  }
}

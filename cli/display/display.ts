import type { RunObserver } from '../../learner/observer.ts'

/** An observer that shows a run. `close()` leaves the terminal as it was, however the run ended. */
export interface Display extends RunObserver {
  /** Says that the run is being stopped. */
  stopping(text: string): void
  close(): void
}

/** Shows nothing but what went wrong. */
export function quietDisplay(write: (text: string) => void): Display {
  return {
    onEvent: ({ level, text }) => {
      if (level === 'warn') write(`warning: ${text}\n`)
    },
    stopping() {},
    close() {},
  }
}

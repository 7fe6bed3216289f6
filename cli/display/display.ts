import type { RunObserver } from '../../learner/observer.ts'

/** An observer that shows a run. `close()` leaves the terminal as it was, however the run ended. */
export interface Display extends RunObserver {
  /** Says that the run is being stopped. */
  stopping(text: string): void
  close(): void
}

/** Several observers as one, called in order. */
export function observers(list: readonly RunObserver[]): Required<RunObserver> {
  return {
    onStart: (info) => list.forEach((o) => o.onStart?.(info)),
    onUpdate: (line) => list.forEach((o) => o.onUpdate?.(line)),
    onProgress: (progress) => list.forEach((o) => o.onProgress?.(progress)),
    onEvent: (event) => list.forEach((o) => o.onEvent?.(event)),
    onEveryEvent: (event) => list.forEach((o) => o.onEveryEvent?.(event)),
    onOutput: (output) => list.forEach((o) => o.onOutput?.(output)),
    onEnd: (summary) => list.forEach((o) => o.onEnd?.(summary)),
  }
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

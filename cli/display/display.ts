import type { RunObserver } from '../../learner/observer.ts'
import { OutputThinner, type ThinnerOptions } from './outputThinner.ts'

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

/** A display that shows a few lines a second of what envs write, and says where all of it is. */
export function thinned(display: Display, { where, now }: Pick<ThinnerOptions, 'where' | 'now'>): Display {
  if (!('onOutput' in display)) return display
  const thinner = new OutputThinner({
    show: (output) => display.onOutput?.(output),
    onEvent: (event) => display.onEvent?.(event),
    where,
    now,
  })
  return {
    ...display,
    onOutput: (output) => thinner.add(output),
    close() {
      thinner.close()
      display.close()
    },
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

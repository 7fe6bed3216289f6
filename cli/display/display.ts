import type { RunObserver } from '../../learner/run/observer.ts'
import { OutputThinner, type ThinnerOptions } from './outputThinner.ts'

/** An observer that shows a run. `close()` leaves the terminal as it was, however the run ended. */
export interface Display extends RunObserver {
  /** Says that the run is being stopped. */
  stopping(text: string): void
  close(): void
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

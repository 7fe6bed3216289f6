import type { Clock } from '../../shared/cloud/ports.ts'

/** The machine's clock for what waits in the background: a sleep here does not keep the process running. */
export const backgroundClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, ms).unref()
      signal?.addEventListener('abort', wake, { once: true })
    }),
}

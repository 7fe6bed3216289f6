import type { Clock } from './ports.ts'

/** The machine's own clock. A sleep does not keep an aborted caller waiting, and leaves no listener behind. */
export const systemClock: Clock = machineClock({ keepsProcess: true })

/** The same for what waits in the background: a sleep does not keep the process running. */
export const backgroundClock: Clock = machineClock({ keepsProcess: false })

/** A clock whose `now` began at the wall clock's time and goes on with the monotonic one, whatever is set meanwhile. */
export function steadyClock(clock: Clock): Clock {
  const began = clock.now() - clock.monotonic()
  return { ...clock, now: () => began + clock.monotonic() }
}

function machineClock({ keepsProcess }: { readonly keepsProcess: boolean }): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        if (!keepsProcess) timer.unref()
        signal?.addEventListener('abort', wake, { once: true })
      }),
  }
}

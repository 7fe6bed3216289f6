import type { Clock } from '../../shared/cloud/ports.ts'

/** Runs `action` after `ms` of the clock's time. Gives back what cancels it; a cancelled timer leaves nothing behind. */
export function after(clock: Clock, ms: number, action: () => void): () => void {
  const cancelled = new AbortController()
  void clock.sleep(ms, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) action()
  })
  return () => cancelled.abort(CANCELLED)
}

/** Made once: without a reason of its own an abort makes an exception, with its stack, that nobody reads. */
const CANCELLED = new Error('cancelled')

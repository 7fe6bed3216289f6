import type { Clock } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'

/** Requests are retried through an outage of up to this long. The run itself does not depend on its follower. */
const GIVE_UP_MS = 5 * 60_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 15_000

export interface Patience {
  readonly clock: Clock
  readonly signal: AbortSignal
  note(this: void, level: 'info' | 'warn', text: string): void
}

/**
 * Retries a request through an outage, with a note at its beginning and its end. What waiting cannot fix (credentials, a
 * missing right, a record that does not fit) is thrown at once.
 *
 * @returns undefined when aborted
 */
export async function patiently<T>(
  request: () => Promise<T>,
  { clock, signal, note }: Patience,
): Promise<T | undefined> {
  let failingSince: number | undefined
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      const answer = await request()
      if (failingSince !== undefined && !signal.aborted) note('info', 'AWS answers again')
      return answer
    } catch (error) {
      if (signal.aborted) break
      const passing = isMillraceError(error, 'E_STORE') || isMillraceError(error, 'E_AWS')
      if (!passing || (failingSince !== undefined && clock.monotonic() - failingSince > GIVE_UP_MS)) throw error
      if (failingSince === undefined) note('warn', `${error.message}; the run goes on, and this is tried again`)
      failingSince ??= clock.monotonic()
    }
    await clock.sleep(pauseMs, signal)
  }
  return undefined
}

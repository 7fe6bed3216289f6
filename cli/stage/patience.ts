import type { Clock } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'

/** An outage this long is not ridden out any more. The run itself does not notice who follows it. */
const GIVE_UP_MS = 5 * 60_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 15_000

export interface Patience {
  readonly clock: Clock
  readonly signal: AbortSignal
  note(this: void, level: 'info' | 'warn', text: string): void
}

/**
 * Repeats a request that fails for a while, with a note at the beginning and at the end of it. What no waiting helps (credentials, a
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

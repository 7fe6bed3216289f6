import type { RunObserver } from '../../learner/run/observer.ts'
import { RunStatus } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { silenceWatch } from './silence.ts'
import { patiently, type Patience } from './patience.ts'
import { checkRun, isOver, parseRecord } from './runRecords.ts'
import { statusPlayer } from './statusPlayer.ts'
import type { Stage } from './stage.ts'
import { waitingRun } from './waitingRun.ts'

const POLL_MS = 1000
/** Nothing happens for minutes while a machine starts. */
const SLOWEST_POLL_MS = 5000
const SLOWING = 1.25

export interface Following {
  readonly stage: Stage
  readonly clock: Clock
  /** Stops following; the run goes on. */
  readonly signal: AbortSignal
  readonly observer: Required<Pick<RunObserver, 'onStart' | 'onProgress' | 'onEvent' | 'onEnd'>>
}

/**
 * Follows a run by its status in the bucket and calls an observer as if the run were on this machine: onStart once, each event once. Says
 * when no learner starts, when one stops responding and when another resumes. Starts a learner again if it ended before it took the run.
 *
 * @returns the status of a run that is over; undefined when aborted
 * @throws MillraceError E_RUN when the record is gone or does not fit, or the run was taken back; E_CREDENTIALS, E_PERMISSION; others when AWS fails for minutes
 */
export async function followRun(run: string, following: Following): Promise<RunStatus | undefined> {
  const { stage, clock, signal, observer } = following
  const note = (level: 'info' | 'warn', text: string) => observer.onEvent({ level, text })
  const patience: Patience = { clock, signal, note }
  const player = statusPlayer(observer)
  const silence = silenceWatch(stage.description, note)
  const waiting = waitingRun(run, stage, { clock, note })
  const key = keys.status(run)
  let etag: string | undefined
  let latest: RunStatus | undefined
  let pollMs = POLL_MS
  while (!signal.aborted) {
    const read = await patiently(
      () => stage.store.get(key, { signal, ...(etag !== undefined && { ifNoneMatch: etag }) }),
      patience,
    )
    if (!read || signal.aborted) return undefined
    if (read.kind === 'absent')
      throw new MillraceError('E_RUN', `the record of run '${run}' is no longer in the bucket`)
    if (read.kind === 'found') {
      etag = read.etag
      latest = parseRecord(RunStatus, read.body, key)
      checkRun(latest, run)
      player.play(latest)
      if (isOver(latest)) return latest
    }
    const status = latest
    const changed = read.kind === 'found'
    const learning = status?.state === 'running' && !silence.look(status, { changed, now: clock.monotonic() })
    pollMs = learning ? POLL_MS : Math.min(SLOWEST_POLL_MS, pollMs * SLOWING)
    if (status && !learning && (await patiently(() => waiting.look(status), patience)) === false)
      throw new MillraceError('E_RUN', `run '${run}' was taken back: no learner will go on with it`)
    await clock.sleep(pollMs, signal)
  }
  return undefined
}

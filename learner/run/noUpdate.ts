import type { RunSummary, StopReason } from './observer.ts'
import { MillraceError } from '../../shared/errors.ts'

const LIMITS: Partial<Record<StopReason, string>> = {
  seconds: 'its limit on time (stop.seconds)',
  budget: 'its budget (budget.usd)',
  envSteps: 'its limit on env steps (stop.envSteps)',
}

/** The error of a run that ended by itself without a single update; undefined for other runs and for an interrupted one. */
export function noUpdate({ reason, progress }: Pick<RunSummary, 'reason' | 'progress'>): MillraceError | undefined {
  if (progress.updates > 0 || reason === 'interrupted') return undefined
  const came =
    progress.queuedFragments > 0
      ? 'fragments came, and too few for an update'
      : 'no whole fragment came in that time; smaller rollouts.fragmentLength and rollouts.envsPerShard let fragments come sooner'
  return new MillraceError(
    'E_NO_UPDATE',
    `the run came to ${LIMITS[reason] ?? 'the end of its plan'} after ${(progress.atMs / 1000).toFixed(1)} s without a single update: ${came}`,
  )
}

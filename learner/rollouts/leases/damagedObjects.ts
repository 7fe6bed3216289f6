import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { DAMAGED } from '../../../shared/rollout/damaged.ts'
import type { Originals } from '../../publish/originals.ts'

/**
 * A lease that found an object of the bucket damaged is over when that was written again, so that its next one finds it whole.
 *
 * @returns undefined where nothing was damaged; else the report: where it could not be written again, as one of any other failure
 */
export function writtenAgain(
  report: LeaseReport,
  originals: Pick<Originals, 'writeAgain'> | undefined,
): Promise<LeaseReport> | undefined {
  const { error } = report
  const { [DAMAGED]: damaged, ...where } = error?.where ?? {}
  if (!error || typeof damaged !== 'string') return undefined
  const written = originals?.writeAgain(damaged) ?? Promise.resolve(false)
  return written.then((isWritten) => (isWritten ? report : { ...report, error: { ...error, where } }))
}

import type { Clock } from '../../shared/cloud/ports.ts'
import type { RunRecord } from './runRecord.ts'

const EVERY_MS = 10_000
const NUMBERS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })

/** One line on a run every ten seconds, until the signal aborts. */
export async function logProgress(
  record: RunRecord,
  { clock, log }: { readonly clock: Clock; readonly log: (text: string) => void },
  signal: AbortSignal,
): Promise<void> {
  await clock.sleep(EVERY_MS, signal)
  while (!signal.aborted) {
    log(`${record.current.run}: ${progressLine(record)}`)
    await clock.sleep(EVERY_MS, signal)
  }
}

export function progressLine({ current: { progress } }: RunRecord): string {
  if (!progress) return 'waiting for the first progress'
  const { updates, envSteps, meanReturn, stepsPerSecond, costUsd, lag } = progress
  const mean = meanReturn === null ? 'no episode finished' : `mean return ${NUMBERS.format(meanReturn)}`
  return `update ${updates}, ${NUMBERS.format(envSteps)} env steps, ${mean}, ${NUMBERS.format(stepsPerSecond)} steps/s, lag ${NUMBERS.format(lag.mean)}, $${costUsd.toFixed(4)}`
}

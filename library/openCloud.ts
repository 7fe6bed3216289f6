import type { Experiment } from '../learner/experiment.ts'
import type { RunCloud } from '../learner/run/cloud.ts'
import { MillraceError } from '../shared/errors.ts'
import { faultsOf } from '../shared/faults/index.ts'

export interface OpenOptions {
  readonly serial: boolean
  /** That the emulated cloud is to inject. */
  readonly faults?: Experiment['faults']
}

/**
 * Opens the functions, bucket and queue of a run. With `serial` they are in this process, else on the emulated cloud. AWS's own
 * variables (AWS_ENDPOINT_URL_S3, _SQS, _LAMBDA) each move one service elsewhere.
 *
 * @throws MillraceError E_FUNCTION, E_PORT; E_USAGE for faults where nothing can inject them
 */
export async function openCloud({ serial, faults }: OpenOptions): Promise<RunCloud> {
  if (serial && faults !== undefined)
    throw new MillraceError(
      'E_USAGE',
      'faults are injected by the emulated cloud, and with --serial there is none; leave one of the two out',
    )
  if (serial) return (await import('../infra/clouds/serial.ts')).serialCloud()
  const { emulatedRunCloud } = await import('../infra/clouds/emulated.ts')
  return await emulatedRunCloud({ faults: faults === undefined ? undefined : faultsOf(faults) })
}

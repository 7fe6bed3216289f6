import type { RunCloud } from '../learner/runCloud.ts'

/**
 * Where a run's functions, bucket and queue are: in this very process with `serial`, else on the emulated cloud; AWS's own
 * variables (AWS_ENDPOINT_URL_S3, _SQS, _LAMBDA) point it elsewhere, each on its own.
 *
 * @throws MillraceError E_FUNCTION, E_PORT
 */
export async function openCloud({ serial }: { readonly serial: boolean }): Promise<RunCloud> {
  if (serial) return (await import('../infra/clouds/serial.ts')).serialCloud()
  return await (await import('../infra/clouds/emulated.ts')).emulatedRunCloud()
}

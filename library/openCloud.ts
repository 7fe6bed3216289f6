import type { RunCloud } from '../learner/runCloud.ts'

/**
 * Opens the functions, bucket and queue of a run. With `serial` they are in this process, else on the emulated cloud. AWS's own
 * variables (AWS_ENDPOINT_URL_S3, _SQS, _LAMBDA) each move one service elsewhere.
 *
 * @throws MillraceError E_FUNCTION, E_PORT
 */
export async function openCloud({ serial }: { readonly serial: boolean }): Promise<RunCloud> {
  if (serial) return (await import('../infra/clouds/serial.ts')).serialCloud()
  return await (await import('../infra/clouds/emulated.ts')).emulatedRunCloud()
}

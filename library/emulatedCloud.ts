import type { RunCloud } from '../learner/run/cloud.ts'

export interface EmulatedCloudOptions {
  /** Runs everything in this process and on one thread, for a debugger. */
  readonly serial?: boolean | undefined
}

/** An emulated cloud that is open: `await using cloud = await emulatedCloud()` closes it at the end of the block. */
export interface EmulatedCloud extends RunCloud, AsyncDisposable {}

/**
 * Opens an emulated cloud for several runs, one after the other or side by side. Without one, `train` opens a cloud of its own.
 *
 * @throws MillraceError E_FUNCTION, E_PORT, E_USAGE
 */
export async function emulatedCloud({ serial = false }: EmulatedCloudOptions = {}): Promise<EmulatedCloud> {
  const { openCloud } = await import('./openCloud.ts')
  const cloud = await openCloud({ serial })
  let closing: Promise<void> | undefined
  const close = () => (closing ??= cloud.close())
  return { ...cloud, close, [Symbol.asyncDispose]: close }
}

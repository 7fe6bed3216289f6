import { signalExitCode, type Signal } from './exitCodes.ts'
import type { Host } from './host.ts'

export interface Interrupts {
  readonly signal: AbortSignal
  onInterrupt(listener: () => void): void
  onSecond(listener: () => void): void
  /** Stops the run because of an error. */
  fail(this: void, error: unknown): void
  failure(): unknown
  /** 130 after Ctrl-C; undefined when no signal came. */
  exitCode(): number | undefined
  close(): void
}

/** The first signal ends a run cleanly, the second ends the process at once. */
export function watchSignals(host: Host): Interrupts {
  const controller = new AbortController()
  let first: Signal | undefined
  let failed: unknown
  let interrupted = () => {}
  let second = () => {}
  const stop = host.onSignal((signal) => {
    if (first !== undefined) {
      second()
      host.exit(signalExitCode(signal))
      return
    }
    first = signal
    interrupted()
    controller.abort()
  })
  return {
    signal: controller.signal,
    onInterrupt: (listener) => (interrupted = listener),
    onSecond: (listener) => (second = listener),
    fail(error) {
      failed ??= error
      controller.abort(error)
    },
    failure: () => failed,
    exitCode: () => (first === undefined ? undefined : signalExitCode(first)),
    close: stop,
  }
}

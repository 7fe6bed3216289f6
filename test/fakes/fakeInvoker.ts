import type { Invoker, InvokeResult } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'

/** The largest payload of an asynchronous Lambda invocation, in bytes. */
const MAX_PAYLOAD = 1_048_576

export interface FakeInvoker extends Invoker {
  /** Parsed payloads that were accepted, in order. */
  readonly payloads: readonly unknown[]
  /** The next invocations are throttled, `times` of them. */
  throttleNext(times?: number): void
  /** The next invocations get no answer, `times` of them; nothing is started. */
  loseNext(times?: number): void
  /** The next invocations fail with E_INVOKE, `times` of them. */
  failNext(times?: number): void
  /** Resolves when every function started so far has ended. */
  idle(): Promise<void>
}

/**
 * An Invoker that checks the payload (JSON, at most 1 MiB) and starts `run` beside the caller, as an asynchronous invocation does.
 * What `run` throws is lost to the caller, as with Lambda; it is thrown by `idle()`.
 */
export function fakeInvoker(run: (payload: unknown) => unknown = () => undefined): FakeInvoker {
  const payloads: unknown[] = []
  const running = new Set<Promise<unknown>>()
  const errors: unknown[] = []
  let throttles = 0
  let losses = 0
  let failures = 0
  return {
    payloads,
    throttleNext(times = 1) {
      throttles += times
    },
    loseNext(times = 1) {
      losses += times
    },
    failNext(times = 1) {
      failures += times
    },
    async invoke(payload): Promise<InvokeResult> {
      if (payload.byteLength > MAX_PAYLOAD)
        throw new MillraceError('E_INVOKE', `a payload has at most ${MAX_PAYLOAD} bytes, got ${payload.byteLength}`)
      const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
      await Promise.resolve()
      if (failures > 0) {
        failures--
        throw new MillraceError('E_INVOKE', 'the invocation failed, as the test asked')
      }
      if (losses > 0) {
        losses--
        return { kind: 'unavailable', error: new MillraceError('E_INVOKE', 'no answer, as the test asked') }
      }
      if (throttles > 0) {
        throttles--
        return { kind: 'throttled', reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' }
      }
      payloads.push(parsed)
      const started = Promise.resolve()
        .then(() => run(parsed))
        .catch((error: unknown) => errors.push(error))
        .finally(() => running.delete(started))
      running.add(started)
      return { kind: 'accepted' }
    },
    async idle() {
      while (running.size > 0) await Promise.all(running)
      if (errors.length > 0) throw new AggregateError(errors.splice(0), 'functions failed')
    },
  }
}

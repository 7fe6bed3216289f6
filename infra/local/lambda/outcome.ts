import { MAX_RESPONSE_BYTES } from './runtimeApi.ts'

/** How an invocation ended, and the body its caller gets. */
export interface Outcome {
  readonly status: 'ok' | 'error' | 'timeout'
  /** Set when the platform ended it (`Runtime.ExitError` …); an error of the function's own names its type in the body only. */
  readonly errorType: string | undefined
  readonly body: Buffer
}

const ended = (errorType: string, errorMessage: string, status: 'error' | 'timeout' = 'error'): Outcome => ({
  status,
  errorType,
  body: Buffer.from(JSON.stringify({ errorType, errorMessage })),
})

/** What an outcome says went wrong. */
export function errorMessage({ status, body }: Outcome): string | undefined {
  if (status === 'ok') return undefined
  try {
    const said: unknown = JSON.parse(body.toString())
    const known = typeof said === 'object' && said !== null && 'errorMessage' in said
    return known ? String(said.errorMessage) : undefined
  } catch {
    return undefined // a runtime of the user's own may say anything
  }
}

export function responseOutcome(body: Buffer): Outcome {
  if (body.length <= MAX_RESPONSE_BYTES) return { status: 'ok', errorType: undefined, body }
  const message = `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`
  return ended('Function.ResponseSizeTooLarge', message)
}

export function timedOut(requestId: string, timeoutMs: number): Outcome {
  const message = `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`
  return ended('Sandbox.Timedout', message, 'timeout')
}

export const outOfMemory = (requestId: string): Outcome =>
  ended('Runtime.OutOfMemory', `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`)

const SIGNALS: Readonly<Record<string, string>> = {
  SIGKILL: 'killed',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
  SIGBUS: 'bus error',
}

export function exited(requestId: string, exit: { code: number | null; signal: string | null }): Outcome {
  const how =
    exit.signal !== null
      ? `with error: signal: ${SIGNALS[exit.signal] ?? exit.signal.toLowerCase()}`
      : exit.code === 0 || exit.code === null
        ? 'without providing a reason'
        : `with error: exit status ${exit.code}`
  return ended('Runtime.ExitError', `RequestId: ${requestId} Error: Runtime exited ${how}`)
}

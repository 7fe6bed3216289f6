import { type ErrorCode, MillraceError } from '../errors.ts'
import { mayPass } from './mayPass.ts'

/** What an SDK client throws, as far as adapters look at it. */
export interface AwsFailure {
  /** `NoSuchKey`, `TooManyRequestsException` … Not for a 304, whose empty body gives the SDK no name. */
  readonly name: string
  readonly message: string
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined
  readonly attempts: number
  readonly cause: unknown
}

export function awsFailure(cause: unknown): AwsFailure {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined
  const { httpStatusCode, attempts } = (metadata ?? {}) as { httpStatusCode?: number; attempts?: number }
  return { name: error.name, message: error.message, status: httpStatusCode, attempts: attempts ?? 1, cause }
}

/** The failure as Millrace's own error, with what was tried and where; `where.mayPass` is true where another try may succeed. */
export function asMillraceError(code: ErrorCode, doing: string, failure: AwsFailure): MillraceError {
  const status = failure.status === undefined ? '' : `, HTTP ${failure.status}`
  const message = `${doing}: ${failure.message} (${failure.name}${status})`
  const where = { status: failure.status, ...(mayPass(failure) && { mayPass: true }) }
  return new MillraceError(code, message, where, { cause: failure.cause })
}

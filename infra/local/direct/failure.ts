import { asMillraceError } from '../../../shared/cloud/awsFailure.ts'
import type { ErrorCode, MillraceError } from '../../../shared/errors.ts'
import { AwsError } from '../awsError.ts'

/** What the SDK's adapters throw where the service refuses a call, or cannot do it. */
export function refusal(code: ErrorCode, doing: string, cause: unknown): MillraceError {
  const known = cause instanceof AwsError ? cause : undefined
  return asMillraceError(code, doing, {
    name: known?.code ?? 'InternalError',
    message: cause instanceof Error ? cause.message : String(cause),
    status: known?.status ?? 500,
    attempts: 1,
    cause,
  })
}

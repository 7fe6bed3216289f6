import { isMillraceError } from '../errors.ts'
import type { AwsFailure } from './awsFailure.ts'

/** What Node says of a connection that could not be made or did not last. Not of one that must not be trusted. */
const CONNECTION = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** The name of an error of ours: an answer ended before all that it had announced. */
export const BROKEN_OFF = 'BrokenOff'
/** Throttles and time-outs that S3 and SQS give a status below 500. */
const PASSING_NAME = /throttl|slowdown|toomanyrequests|limitexceeded|^OverLimit$|^RequestTimeout/i

/**
 * Did the service fail, or not answer, so that the same request may succeed later? What is wrong with the request, its credentials or
 * the bucket does not pass.
 */
export function mayPass({ status, name, cause }: AwsFailure): boolean {
  if (status !== undefined && status >= 500) return true
  if (status === 429 || PASSING_NAME.test(name)) return true
  if (status !== undefined && status >= 300) return false
  // No answer, or one that broke off on its way.
  if (name === 'TimeoutError' || name === 'AbortError' || name === BROKEN_OFF) return true
  return status !== undefined || (cause instanceof Error && 'code' in cause && CONNECTION.has(String(cause.code)))
}

/** The same of an error of an adapter: it says so in `where.mayPass`. */
export const errorMayPass = (error: unknown): boolean => isMillraceError(error) && error.where['mayPass'] === true

import { AwsError } from '../awsError.ts'

/** The conditional headers of a request, by S3's names. */
export interface Conditions {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
  /** HTTP dates. */
  readonly ifModifiedSince?: string | undefined
  readonly ifUnmodifiedSince?: string | undefined
}

interface Stamped {
  readonly etag: string
  /** Milliseconds since the epoch. */
  readonly lastModified: number
}

/**
 * A read: If-Match wins over If-Unmodified-Since and If-None-Match over If-Modified-Since, as RFC 9110 section 13.2.2 has it.
 * @returns false for 304 Not Modified
 * @throws AwsError PreconditionFailed
 */
export function shouldSend(object: Stamped, conditions: Conditions): boolean {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  if (ifMatch !== undefined) {
    if (!names(ifMatch, object.etag)) throw preconditionFailed('If-Match')
  } else if (ifUnmodifiedSince !== undefined && seconds(object.lastModified) > seconds(Date.parse(ifUnmodifiedSince))) {
    throw preconditionFailed('If-Unmodified-Since')
  }
  if (ifNoneMatch !== undefined) return !names(ifNoneMatch, object.etag)
  return ifModifiedSince === undefined || !(seconds(object.lastModified) <= seconds(Date.parse(ifModifiedSince)))
}

/**
 * A write: `If-None-Match: *` creates only, `If-Match` overwrites only this ETag.
 * @throws AwsError PreconditionFailed, NoSuchKey for If-Match where nothing is, NotImplemented for If-None-Match with an ETag
 */
export function checkWrite(existing: Stamped | undefined, { ifMatch, ifNoneMatch }: Conditions): void {
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw new AwsError(501, 'NotImplemented', 'On a write If-None-Match takes * only.')
    if (existing !== undefined) throw preconditionFailed('If-None-Match')
  }
  if (ifMatch === undefined) return
  if (existing === undefined) throw new AwsError(404, 'NoSuchKey', 'The specified key does not exist.')
  if (!names(ifMatch, existing.etag)) throw preconditionFailed('If-Match')
}

export function preconditionFailed(condition: string): AwsError {
  return new AwsError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  })
}

/** Does a header (`*`, one ETag or a list of them, quoted or not) name this ETag? */
function names(list: string, etag: string): boolean {
  if (list === etag || list === '*') return true
  return list.split(',').some((entry) => unquoted(entry) === unquoted(etag))
}

const unquoted = (etag: string) => etag.trim().replace(/^(W\/)?"|"$/g, '')

const seconds = (ms: number) => Math.floor(ms / 1000)

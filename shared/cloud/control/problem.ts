import { type ErrorCode, MillraceError, isMillraceError } from '../../errors.ts'
import { type AwsFailure, awsFailure } from '../awsFailure.ts'
import { isLoopback } from '../endpoints.ts'

const CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|ExpiredToken|RequestExpired|TokenRefreshRequired|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient|InvalidToken|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|RequestTimeTooSkewed|AuthFailure)/
const PERMISSION = /^(AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|Forbidden)/
const REGION = /^(UnknownEndpoint|InvalidRegion|OptInRequired|RegionDisabled|PermanentRedirect)/

/**
 * Turns an error of AWS or of the connection into one sentence that says what to do.
 *
 * @param doing what could not be done, for instance `cannot read the stage demo`
 * @param cause what an SDK client threw; a MillraceError is given back as it is
 * @returns E_CREDENTIALS, E_PERMISSION with the action that is missing, E_REGION, else E_AWS
 */
export function awsProblem(doing: string, cause: unknown): MillraceError {
  if (isMillraceError(cause)) return cause
  const failure = awsFailure(cause)
  const { code, sentence } = verdict(failure)
  return new MillraceError(code, `${doing}: ${sentence}`, { status: failure.status }, { cause })
}

/** The same around a request. */
export async function asking<T>(doing: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (cause) {
    throw awsProblem(doing, cause)
  }
}

function verdict(failure: AwsFailure): { readonly code: ErrorCode; readonly sentence: string } {
  const { name, status } = failure
  const message = failure.message.trim().replace(/\.$/, '')
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    const hint = "'aws configure' or 'aws sso login', or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give some"
    return { code: 'E_CREDENTIALS', sentence: `there are no AWS credentials that can be used; ${hint} (${message})` }
  }
  if (/^(ExpiredToken|RequestExpired|TokenRefreshRequired)/.test(name))
    return { code: 'E_CREDENTIALS', sentence: `the AWS credentials have expired; log in again (${message})` }
  if (CREDENTIALS.test(name)) {
    const hint = 'check the access key and its secret, the region, and the clock of this machine'
    return { code: 'E_CREDENTIALS', sentence: `AWS does not accept the credentials; ${hint} (${name}: ${message})` }
  }
  if (PERMISSION.test(name) || (status === 403 && !REGION.test(name))) {
    const action = /to perform:? (?:the )?([\w-]+:\w+)/.exec(message)?.[1]
    const missing =
      action === undefined ? 'the credentials lack the right to do this' : `the credentials lack ${action}`
    return { code: 'E_PERMISSION', sentence: `${missing}; have it allowed, or use others (${message})` }
  }
  return reachProblem(failure) ?? { code: 'E_AWS', sentence: `${message} (${saidBy(failure)})` }
}

/** Is it the way to AWS that is wrong: region, name or connection? */
function reachProblem({ name, message, cause }: AwsFailure): ReturnType<typeof verdict> | undefined {
  if (message.startsWith('Region is missing'))
    return { code: 'E_REGION', sentence: 'no region is named; set region in millrace.settings.ts, or AWS_REGION' }
  if (REGION.test(name))
    return { code: 'E_REGION', sentence: `AWS does not serve this account there; choose another region (${message})` }
  const { code, hostname, address, port } = connection(cause)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const hint = 'check the region, the AWS_ENDPOINT_URL variables and the network'
    return { code: 'E_REGION', sentence: `there is no host ${hostname ?? 'of this name'}; ${hint}` }
  }
  if (code !== 'ECONNREFUSED') return undefined
  const where = `${address ?? 'the endpoint'}${port === undefined ? '' : `:${port}`}`
  const local = address !== undefined && isLoopback(`http://${address.includes(':') ? `[${address}]` : address}`)
  const hint = local ? "; is 'millrace cloud' running?" : '; check the AWS_ENDPOINT_URL variables and the network'
  return { code: 'E_AWS', sentence: `nothing answers at ${where}${hint}` }
}

interface ConnectionError {
  readonly code?: string
  readonly hostname?: string
  readonly address?: string
  readonly port?: number
}

/** A name with several addresses fails with all of them at once; the first speaks for the rest. */
function connection(cause: unknown): ConnectionError {
  if (cause instanceof AggregateError && cause.errors.length > 0) return connection(cause.errors[0])
  return typeof cause === 'object' && cause !== null ? cause : {}
}

const saidBy = ({ name, status }: AwsFailure): string => (status === undefined ? name : `${name}, HTTP ${status}`)

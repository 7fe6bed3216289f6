import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Credentials, bearerOf, credentialsFrom } from '../../../shared/cloud/credentials.ts'
import { type AuthProblem, authError } from './authErrors.ts'
import type { AnyFront } from '../front.ts'
import { keepBody } from '../http.ts'
import { type Signed, readAuthorization, readPresigned, sha256, signatureOf, timeOf } from './signature.ts'

const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** A pair that nobody can guess, in the form that clients know an emulated cloud's by. */
export function newCredentials(): Credentials {
  const id = Array.from(randomBytes(12), (byte) => ID_LETTERS[byte & 31]).join('')
  return credentialsFrom({ id, secret: randomBytes(30).toString('base64url') })
}

/** How far a request's time may be off: as AWS has it. */
const SKEW_MS = { s3: 15 * 60_000, others: 5 * 60_000 }

/** In the place of a payload's hash: the body is not signed, or comes in chunks. Chunks that have signatures of their own are taken without. */
const NO_HASH = /^(UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]+)$/

/** Lets a request to a service pass, or throws what the service would say. Every comparison with a secret takes constant time. */
export type Guard = (request: IncomingMessage, front: AnyFront) => Promise<void> | undefined

/**
 * Who holds one of these pairs may ask for anything: with the secret as a bearer token, which costs nothing to check, or with AWS's
 * signature, in the header or as a presigned URL of S3.
 *
 * @param now the machine's time, ms since the epoch
 */
export function credentialGuard(accepted: readonly Credentials[], now: () => number = Date.now): Guard {
  const secrets = new Map(accepted.map(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]))
  const bearers = accepted.map((credentials) => Buffer.from(bearerOf(credentials)))

  return (request, front) => {
    const refuse = (problem: AuthProblem): never => {
      throw authError(problem, front.protocol)
    }
    const { authorization } = request.headers
    if (authorization?.startsWith('Bearer ')) {
      const given = Buffer.from(authorization)
      if (!bearers.some((bearer) => equal(bearer, given))) refuse('unknownKey')
      return undefined
    }
    const query = authorization === undefined && front.protocol === 's3' ? presignedQuery(request.url ?? '') : undefined
    if (authorization === undefined && query === undefined) refuse('missing')
    const signed = query === undefined ? readAuthorization(authorization ?? '', request) : readPresigned(query)
    if (signed === undefined) return refuse('malformed')
    const secret = secrets.get(signed.accessKeyId) ?? refuse('unknownKey')
    const late = timeProblem(signed, now() - timeOf(signed), front)
    if (late !== undefined) refuse(late)
    return verify(request, signed, { secret, front })
  }
}

async function verify(
  request: IncomingMessage,
  signed: Signed,
  { secret, front }: { readonly secret: string; readonly front: AnyFront },
): Promise<void> {
  const said = signed.expires === undefined ? request.headers['x-amz-content-sha256'] : 'UNSIGNED-PAYLOAD'
  const unhashed = typeof said === 'string' && NO_HASH.test(said)
  const check = (payloadHash: string): void => {
    const expected = expectedSignature(request, signed, { secret, payloadHash })
    if (expected === undefined || !equal(Buffer.from(expected), Buffer.from(signed.signature)))
      throw authError('wrongSignature', front.protocol)
  }
  // Where the hash is said, the signature is checked before a byte of the body is read.
  if (typeof said === 'string') check(said)
  if (unhashed) return
  const hash = sha256(await keepBody(request, front.maxBodyBytes))
  if (typeof said !== 'string') check(hash)
  else if (said !== hash) throw authError('otherBody', front.protocol)
}

function expectedSignature(
  request: IncomingMessage,
  signed: Signed,
  by: { readonly secret: string; readonly payloadHash: string },
): string | undefined {
  try {
    return signatureOf(request, signed, by)
  } catch (error) {
    if (error instanceof URIError) return undefined // a query that no client signed
    throw error
  }
}

function timeProblem({ expires }: Signed, ageMs: number, { protocol }: AnyFront): AuthProblem | undefined {
  const limit = protocol === 's3' ? SKEW_MS.s3 : SKEW_MS.others
  if (expires !== undefined && ageMs > expires * 1000) return 'expired'
  return Number.isNaN(ageMs) || ageMs < -limit || (expires === undefined && ageMs > limit) ? 'skewed' : undefined
}

function presignedQuery(url: string): URLSearchParams | undefined {
  const mark = url.indexOf('?')
  return mark >= 0 && url.includes('X-Amz-Signature=', mark) ? new URLSearchParams(url.slice(mark + 1)) : undefined
}

const equal = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)

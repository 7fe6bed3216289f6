import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What a request says of its own signature (AWS Signature Version 4), in the Authorization header or, of a presigned URL, in the query. */
export interface Signed {
  readonly accessKeyId: string
  /** `20261130/us-east-1/s3/aws4_request` */
  readonly scope: string
  /** `20261130T120000Z` */
  readonly time: string
  readonly signedHeaders: readonly string[]
  /** 64 hex digits. */
  readonly signature: string
  /** How long a presigned URL holds, s. */
  readonly expires: number | undefined
}

const CREDENTIAL = /^([^/\s]+)\/(\d{8}\/[\w-]+\/[\w-]+\/aws4_request)$/
const TIME = /^\d{8}T\d{6}Z$/
const MAX_EXPIRES = 7 * 86_400

/** @returns undefined for a header that is no whole signature */
export function readAuthorization(authorization: string, request: IncomingMessage): Signed | undefined {
  const [, list] = /^AWS4-HMAC-SHA256 (.+)$/.exec(authorization) ?? []
  const fields = new Map(list?.split(',').map((field) => pair(field.trim())))
  return signed({
    credential: fields.get('Credential'),
    time: request.headers['x-amz-date'],
    headers: fields.get('SignedHeaders'),
    signature: fields.get('Signature'),
  })
}

/** @returns undefined for a query that is no whole presigned URL's */
export function readPresigned(query: URLSearchParams): Signed | undefined {
  const get = (name: string) => query.get(`X-Amz-${name}`) ?? undefined
  const expires = get('Expires') ?? ''
  if (get('Algorithm') !== 'AWS4-HMAC-SHA256' || !/^\d{1,6}$/.test(expires) || Number(expires) > MAX_EXPIRES)
    return undefined
  return signed({
    credential: get('Credential'),
    time: get('Date'),
    headers: get('SignedHeaders'),
    signature: get('Signature'),
    expires: Number(expires),
  })
}

interface Parts {
  readonly credential: string | undefined
  readonly time: unknown
  readonly headers: string | undefined
  readonly signature: string | undefined
  readonly expires?: number
}

function signed({ credential = '', time, headers = '', signature = '', expires }: Parts): Signed | undefined {
  const [, accessKeyId = '', scope = ''] = CREDENTIAL.exec(credential) ?? []
  const signedHeaders = headers.split(';')
  if (typeof time !== 'string' || !TIME.test(time) || time.slice(0, 8) !== scope.slice(0, 8)) return undefined
  if (!/^[0-9a-f]{64}$/.test(signature) || !signedHeaders.includes('host')) return undefined
  return { accessKeyId, scope, time, signedHeaders, signature, expires }
}

/** ms since the epoch. */
export const timeOf = ({ time }: Signed): number =>
  Date.parse(time.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, '$1-$2-$3:$4:$5'))

/** The service that a scope names: `s3`, `ec2` … */
export const serviceOf = (scope: string): string => scope.split('/')[2] ?? ''

/**
 * The signature that a request should have.
 *
 * @param payloadHash hex SHA-256 of the body, or what the client signed in its place
 * @throws URIError for a query that is not URL-encoded
 */
export function signatureOf(
  request: IncomingMessage,
  { scope, time, signedHeaders, expires }: Signed,
  { secret, payloadHash }: { readonly secret: string; readonly payloadHash: string },
): string {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const search = mark < 0 ? '' : target.slice(mark + 1)
  const canonical = [
    request.method,
    // S3 signs the path as it is sent, all others encode it once more.
    serviceOf(scope) === 's3' ? path : path.split('/').map(encode).join('/'),
    canonicalQuery(search, expires !== undefined),
    ...signedHeaders.map((name) => `${name}:${oneValue(request.headers[name])}`),
    '',
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n')
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`
  return createHmac('sha256', signingKey(secret, scope)).update(toSign).digest('hex')
}

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

function canonicalQuery(search: string, presigned: boolean): string {
  if (search === '') return ''
  return search
    .split('&')
    .map((field) => pair(field))
    .filter(([name]) => !(presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => `${encode(decodeURIComponent(name))}=${encode(decodeURIComponent(value))}`)
    .sort()
    .join('&')
}

function pair(field: string): [string, string] {
  const at = field.indexOf('=')
  return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)]
}

/** RFC 3986: everything but letters, digits and -._~ */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

const oneValue = (value: string | string[] | undefined): string =>
  String(value ?? '')
    .trim()
    .replace(/\s+/g, ' ')

/** Of the last scopes: each costs four hashes, and a client stays with one for a day. */
const signingKeys = new Map<string, Buffer>()
const MAX_KEYS = 64

function signingKey(secret: string, scope: string): Buffer {
  const name = `${scope} ${secret}`
  const known = signingKeys.get(name)
  if (known !== undefined) return known
  let key: string | Buffer = `AWS4${secret}`
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest()
  if (signingKeys.size >= MAX_KEYS) signingKeys.clear()
  signingKeys.set(name, key as Buffer)
  return key as Buffer
}

import { MillraceError } from '../errors.ts'

/** An access key id and its secret. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/**
 * The access key ids of emulated clouds begin so, and none of AWS does. That is how the two are never mixed up: the secret of such an id
 * opens a cloud on this machine and nothing else, so it may be sent as it is, and a user's own keys are never taken for it.
 */
const EMULATED = 'MILLRACE'
/** A secret that could be guessed would be none. */
const MIN_SECRET = 16

export const isEmulatedKey = (accessKeyId: string): boolean => accessKeyId.startsWith(EMULATED)

/** The pair in AWS's own variables; undefined unless both are there. */
export function environmentCredentials(): Credentials | undefined {
  const accessKeyId = process.env['AWS_ACCESS_KEY_ID']
  const secretAccessKey = process.env['AWS_SECRET_ACCESS_KEY']
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined
}

/** The same where it is the pair of an emulated cloud. @throws MillraceError E_USAGE when its secret is missing or too short */
export function emulatedCredentials(): Credentials | undefined {
  if (!isEmulatedKey(process.env['AWS_ACCESS_KEY_ID'] ?? '')) return undefined
  const credentials = environmentCredentials()
  if (credentials !== undefined && /^[\w-]+$/.test(credentials.accessKeyId) && isSecret(credentials.secretAccessKey))
    return credentials
  throw new MillraceError(
    'E_USAGE',
    `AWS_ACCESS_KEY_ID names the key of an emulated cloud, whose AWS_SECRET_ACCESS_KEY needs at least ${MIN_SECRET} letters, digits, - or _; set one, or unset both`,
  )
}

const isSecret = (text: string): boolean => text.length >= MIN_SECRET && /^[\w-]+$/.test(text)

/** @param random base64url or hex digits */
export const credentialsFrom = (random: { readonly id: string; readonly secret: string }): Credentials => ({
  accessKeyId: EMULATED + random.id,
  secretAccessKey: random.secret,
})

/** How a holder of an emulated cloud's pair may open it without a signature, which would cost a third of a call. */
export const bearerOf = ({ secretAccessKey }: Credentials): string => `Bearer ${secretAccessKey}`

/** A signer for SDK clients that sets this one header. */
export function bearerSigner(credentials: Credentials) {
  const authorization = bearerOf(credentials)
  return {
    async sign<Request>(request: Request): Promise<Request> {
      ;(request as { headers: Record<string, string> }).headers['authorization'] = authorization
      return request
    },
  }
}

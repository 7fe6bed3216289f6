import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { AbortableHandler } from './abort.ts'
import { type Credentials, bearerSigner, environmentCredentials, isEmulatedKey } from './credentials.ts'
import { type AwsOptions, type ServiceName, placeOf } from './endpoints.ts'

/** The SDK's sentence on old Node versions tells a user of Millrace nothing; this is the SDK's own switch for it. */
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

/**
 * What the clients have in common. For a service on this machine every option of the SDK is set here: none of the user's own AWS settings (region,
 * profile, FIPS, dual-stack, retries, proxies; variables or files in ~/.aws) was made for an emulated cloud, and some of them stop it.
 * `cacheMiddleware` and the signer are the SDK's documented options; together with checksums only where AWS wants
 * them they take a call from 1.2 to 0.35 ms of CPU.
 *
 * @throws MillraceError E_USAGE when one of the endpoint variables is no address
 */
export function awsConfig(service: ServiceName, options: AwsOptions) {
  const { configured, endpoint, local } = placeOf(service, options)
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(options.region !== undefined && { region: options.region }),
    ...(local && localConfig(options, configured !== undefined)),
    cacheMiddleware: true,
    requestHandler: httpHandler(service, options.maxSockets ?? 256, local),
    /** Is the service on this machine? Not the SDK's field: clients take it off. */
    local,
  }
}

/**
 * Every setting that the SDK would look for in variables or files. Each has the SDK's own default, so that a call is what it would be in a
 * shell without AWS settings.
 */
function localConfig({ region, endpoint, credentials }: AwsOptions, configured: boolean) {
  return {
    region: region || process.env['AWS_REGION'] || 'us-east-1',
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    defaultsMode: 'legacy' as const,
    retryMode: 'standard',
    maxAttempts: 3,
    authSchemePreference: [],
    disableClockSkewCorrection: false,
    userAgentAppId: 'millrace',
    ...localSigning(configured ? undefined : credentials, configured || endpoint !== undefined),
  }
}

/**
 * On this machine, an emulated cloud of Millrace is opened by its secret as it is. Other services get the signatures of the SDK with the
 * environment's credentials; where it has none, requests go unsigned.
 *
 * @param named the service's address was given: the cloud of this process never sees the environment's keys
 */
function localSigning(given: Credentials | undefined, named: boolean) {
  const held = named ? environmentCredentials() : undefined
  const credentials = given ?? (held !== undefined && isEmulatedKey(held.accessKeyId) ? held : undefined)
  if (credentials !== undefined) return { credentials, signer: bearerSigner(credentials) }
  if (held === undefined) return { credentials: NO_CREDENTIALS, signer: NULL_SIGNER }
  // Taken from the environment itself: the SDK would prefer a profile, where AWS_PROFILE names one.
  const sessionToken = process.env['AWS_SESSION_TOKEN']
  return { credentials: { ...held, ...(sessionToken && { sessionToken }) } }
}

const NO_CREDENTIALS = { accessKeyId: 'none', secretAccessKey: 'none' }
const NULL_SIGNER = { sign: async <Request>(request: Request): Promise<Request> => request }

/**
 * A connection that says nothing for so long is gone (a network was changed, a machine sleeps): TCP alone would wait for a quarter of an
 * hour, and whoever waits for the answer with it. A long poll takes 20 s; Lambda answers an evaluation when that is over, 900 s at most.
 */
const SILENCE_MS = { lambda: 930_000, others: 45_000 }

function httpHandler(service: ServiceName, maxSockets: number, local: boolean): AbortableHandler {
  const settings = { keepAlive: true, maxSockets, noDelay: true, scheduling: 'lifo' } as const
  return new AbortableHandler({
    httpAgent: new Agent(settings),
    httpsAgent: new SecureAgent(settings),
    ...(!local && {
      connectionTimeout: 5_000,
      socketTimeout: service === 'LAMBDA' ? SILENCE_MS.lambda : SILENCE_MS.others,
    }),
  })
}

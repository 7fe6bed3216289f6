import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { AbortableHandler } from './abort.ts'
import { type Credentials, bearerSigner, environmentCredentials, isEmulatedKey } from './credentials.ts'
import { type AwsOptions, type ServiceName, placeOf } from './endpoints.ts'

/** The SDK's sentence on old Node versions tells a user of Millrace nothing; this is the SDK's own switch for it. */
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

/**
 * What the clients have in common. Endpoints in AWS_ENDPOINT_URL_S3, _SQS, _LAMBDA … and AWS_ENDPOINT_URL are read by the SDK itself; they
 * are looked at here only to know a loopback address. `cacheMiddleware` and the signer are the SDK's documented options; together with
 * checksums only where AWS wants them they take a call from 1.2 to 0.35 ms of CPU.
 *
 * @throws MillraceError E_USAGE when one of those variables is no address
 */
export function awsConfig(service: ServiceName, options: AwsOptions) {
  const { configured, endpoint, local } = placeOf(service, options)
  const region = options.region ?? (local ? (process.env['AWS_REGION'] ?? 'us-east-1') : undefined)
  return {
    ...(configured === undefined && endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(local && localSigning(configured === undefined ? options.credentials : undefined)),
    cacheMiddleware: true,
    requestHandler: httpHandler(service, options.maxSockets ?? 256, local),
    /** Is the service on this machine? Not the SDK's field: clients take it off. */
    local,
  }
}

/**
 * On this machine, an emulated cloud of Millrace is opened by its secret as it is. Other services get the signatures of the SDK with the
 * environment's credentials; where it has none, requests go unsigned.
 */
function localSigning(given: Credentials | undefined) {
  const held = environmentCredentials()
  const credentials = given ?? (held !== undefined && isEmulatedKey(held.accessKeyId) ? held : undefined)
  if (credentials !== undefined) return { credentials, signer: bearerSigner(credentials) }
  return held === undefined ? { credentials: NO_CREDENTIALS, signer: NULL_SIGNER } : {}
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

import { MillraceError } from '../errors.ts'
import type { Credentials } from './credentials.ts'

export interface AwsOptions {
  /** Without it AWS_REGION and the shared config file say. */
  readonly region?: string
  /** The emulated cloud of this process. It serves every service that no AWS_ENDPOINT_URL variable sends elsewhere. */
  readonly localEndpoint?: string
  /** What opens that cloud, or the one at `endpoint`. Services that are elsewhere are opened by the credentials of the environment. */
  readonly credentials?: Credentials
  /** Where the service is, whatever the environment says. */
  readonly endpoint?: string | undefined
  /** Connections at once a client; 256 unless told, since a long poll holds one for 20 s. */
  readonly maxSockets?: number
}

/** As the SDK writes a service in the name of its endpoint variable. */
export type ServiceName = DataService | ControlService
type DataService = 'S3' | 'SQS' | 'LAMBDA'
type ControlService =
  | 'SSM'
  | 'AUTO_SCALING'
  | 'ECS'
  | 'SCHEDULER'
  | 'CLOUDWATCH_LOGS'
  | 'STS'
  | 'SERVICE_QUOTAS'
  | 'EC2'

/**
 * Where AWS's own variables say that a service is; undefined where they say nothing.
 *
 * @throws MillraceError E_USAGE when what they say is no address
 */
export function configuredEndpoint(service: ServiceName): string | undefined {
  if (process.env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined
  for (const name of [`AWS_ENDPOINT_URL_${service}`, 'AWS_ENDPOINT_URL']) {
    const endpoint = process.env[name]
    if (!endpoint) continue
    if (URL.canParse(endpoint) && /^https?:/.test(new URL(endpoint).protocol)) return endpoint
    throw new MillraceError('E_USAGE', `${name} is '${endpoint}'; it has to be an address like http://127.0.0.1:4566`)
  }
  return undefined
}

/** Where a service is, and whether that is on this machine. @throws as `configuredEndpoint` */
export function placeOf(service: ServiceName, options: AwsOptions) {
  const configured = options.endpoint === undefined ? configuredEndpoint(service) : undefined
  const endpoint = options.endpoint ?? configured ?? options.localEndpoint
  return { configured, endpoint, local: endpoint !== undefined && isLoopback(endpoint) }
}

/** Does this address name the machine it is used on? */
export const isLoopback = (endpoint: string): boolean =>
  URL.canParse(endpoint) && isLoopbackName(new URL(endpoint).hostname)

/** `localhost`, what ends in it, and addresses; not a name like 127.example.com, which anyone may own. IPv6 in brackets. */
export const isLoopbackName = (hostname: string): boolean =>
  /^(([\w-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname)

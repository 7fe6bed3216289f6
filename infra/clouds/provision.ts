import { join } from 'node:path'
import { emulatedCredentials, environmentCredentials } from '../../shared/cloud/credentials.ts'
import { configuredEndpoint } from '../../shared/cloud/endpoints.ts'
import { SDK_ONLY } from '../../shared/cloud/loopback/wire.ts'
import { type LocalCloud, type LocalCloudOptions, localCloud } from '../local/cloud.ts'
import { packageRoot } from '../local/packageRoot.ts'
import { EVENTS } from '../aws/limits.ts'
import { ROLLOUT_MEMORY_MB, names } from './names.ts'
import { createQueues } from './queues.ts'
import { ENDPOINTS_FROM_LEASE } from '../../shared/protocol/endpointsFromLease.ts'
import type { ProvisionedStage, StageOptions } from './stage.ts'

/** Lambda's own limit. */
const FUNCTION_TIMEOUT_MS = 900_000

export interface ProvisionOptions {
  /** May leases say where S3 and SQS are, on this machine? For a cloud that serves the runs of other processes. */
  readonly endpointsFromLease?: boolean
  /** Do functions make every call through the SDK, so that it is the SDK that meets what fails? */
  readonly sdkOnly?: boolean
}

/**
 * An emulated cloud with all that a run needs in it: bucket, queue with its dead-letter queue, and the rollout function, which
 * sees S3 and SQS at the endpoints of AWS's variables where they are set and else here.
 *
 * Its credentials are those in AWS's variables where they are an emulated cloud's, so that what lies in two such clouds is opened by one
 * pair; else a new pair. A user's own keys reach functions only where S3 or SQS is elsewhere, and are taken here as well then.
 *
 * @throws MillraceError E_USAGE when one of those is no address or no whole pair, and as `localCloud`
 */
export async function provisionedCloud({
  endpointsFromLease = false,
  sdkOnly = false,
  ...options
}: LocalCloudOptions & ProvisionOptions = {}): Promise<LocalCloud> {
  rolloutVariables('') // what is wrong with the variables is said before anything starts
  const [s3, sqs, lambda] = [configuredEndpoint('S3'), configuredEndpoint('SQS'), configuredEndpoint('LAMBDA')]
  const own = options.credentials ?? emulatedCredentials()
  const users = own === undefined && (s3 ?? sqs ?? lambda) !== undefined ? environmentCredentials() : undefined
  const cloud = await localCloud({ ...options, ...(own && { credentials: own }), alsoAccepts: users })
  if (!cloud.s3.hasBucket(names.bucket)) cloud.s3.createBucket(names.bucket)
  createQueues(cloud, names)
  cloud.lambda.create({
    name: names.rolloutFunction,
    file: join(packageRoot(), 'dist/functions/rollout.mjs'),
    memoryMb: ROLLOUT_MEMORY_MB,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    retries: 0,
    maximumEventAgeMs: EVENTS.maxAgeSeconds * 1000,
    environment: {
      ...rolloutVariables(cloud.endpoint),
      ...(endpointsFromLease && { [ENDPOINTS_FROM_LEASE]: 'loopback' }),
      ...(sdkOnly && { [SDK_ONLY]: '1' }),
    },
  })
  return cloud
}

/** The same with a stage in it, as deployed: for `millrace cloud --stage`. @throws MillraceError E_SETTINGS, and as `localCloud` */
export async function stageCloud(
  options: StageOptions & Omit<LocalCloudOptions, 'control'> = {},
): Promise<LocalCloud & { readonly provisioned: ProvisionedStage }> {
  const cloud = await provisionedCloud({ ...options, control: true, endpointsFromLease: true })
  try {
    const { provisionStage } = await import('./stage.ts')
    return Object.assign(cloud, { provisioned: provisionStage(cloud, options) })
  } catch (error) {
    await cloud.close()
    throw error
  }
}

/**
 * What the rollout function sees of AWS: where its services are and, only where one of them lies elsewhere, credentials and region of the user's
 * shell for it. Nothing else of the shell reaches a function.
 *
 * @throws MillraceError E_USAGE when an endpoint variable is no address
 */
export function rolloutVariables(endpoint: string): Readonly<Record<string, string>> {
  const [s3, sqs] = [configuredEndpoint('S3'), configuredEndpoint('SQS')]
  const elsewhere = s3 !== undefined || sqs !== undefined
  const own = elsewhere ? SHELL.map((name): [string, string] => [name, process.env[name] ?? '']) : []
  const given = Object.fromEntries(own.filter(([, value]) => value !== ''))
  return { ...given, AWS_ENDPOINT_URL_S3: s3 ?? endpoint, AWS_ENDPOINT_URL_SQS: sqs ?? endpoint }
}

const SHELL = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION']

import { join } from 'node:path'
import { configuredEndpoint } from '../../shared/cloud/endpoints.ts'
import { type LocalCloud, type LocalCloudOptions, localCloud } from '../local/cloud.ts'
import { packageRoot } from '../local/packageRoot.ts'
import { ROLLOUT_MEMORY_MB, names } from './names.ts'
import { createQueues } from './queues.ts'
import type { ProvisionedStage, StageOptions } from './stage.ts'

/** Lambda's own limit. */
const FUNCTION_TIMEOUT_MS = 900_000

/**
 * An emulated cloud with all that a run needs in it: bucket, queue with its dead-letter queue, and the rollout function, which
 * sees S3 and SQS at the endpoints of AWS's variables where they are set and else here.
 *
 * @throws MillraceError E_USAGE when one of those is no address, and as `localCloud`
 */
export async function provisionedCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  const [s3, sqs] = [configuredEndpoint('S3'), configuredEndpoint('SQS')]
  const cloud = await localCloud(options)
  if (!cloud.s3.hasBucket(names.bucket)) cloud.s3.createBucket(names.bucket)
  createQueues(cloud, names)
  cloud.lambda.create({
    name: names.rolloutFunction,
    file: join(packageRoot(), 'dist/functions/rollout.mjs'),
    memoryMb: ROLLOUT_MEMORY_MB,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    retries: 0,
    environment: {
      ...awsVariables(),
      AWS_ENDPOINT_URL_S3: s3 ?? cloud.endpoint,
      AWS_ENDPOINT_URL_SQS: sqs ?? cloud.endpoint,
    },
  })
  return cloud
}

/** The same with a stage in it, as deployed: for `millrace cloud --stage`. @throws MillraceError E_SETTINGS, and as `localCloud` */
export async function stageCloud(
  options: StageOptions & Omit<LocalCloudOptions, 'control'> = {},
): Promise<LocalCloud & { readonly provisioned: ProvisionedStage }> {
  const cloud = await provisionedCloud({ ...options, control: true })
  try {
    const { provisionStage } = await import('./stage.ts')
    return Object.assign(cloud, { provisioned: provisionStage(cloud, options) })
  } catch (error) {
    await cloud.close()
    throw error
  }
}

/** Credentials and region go on to the functions, for a service that lies elsewhere. */
function awsVariables(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) =>
    /^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION)$/.test(name),
  )
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']))
}

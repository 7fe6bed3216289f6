import { CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3'
import { join } from 'node:path'
import type { RunCloud } from '../../learner/runCloud.ts'
import {
  type AwsClients,
  awsClients,
  configuredEndpoint,
  isLoopback,
  lambdaInvoker,
  s3ObjectStore,
  sqsQueue,
  systemClock,
} from '../../shared/cloud/index.ts'
import { backgroundClock } from '../../shared/cloud/clock.ts'
import { asking } from '../../shared/cloud/control/problem.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { LocalCloud } from '../local/cloud.ts'
import type { InvocationReport } from '../local/lambdaUsage.ts'
import { packageRoot } from '../local/packageRoot.ts'
import { HEARTBEAT_MS, ROLLOUT_MEMORY_MB, isQueueNamed, names } from './names.ts'
import { provisionedCloud } from './provision.ts'
import { type RunQueue, openRunQueue } from './runQueue.ts'

/** On loopback time is what is dear: a small body in the message saves two round trips, a large one costs more as base64 than they do. */
const SPILL_ABOVE_BYTES = 64 * 1024
/** Every look costs a third of a millisecond; a fragment takes longer than that to step. */
const MANIFEST_POLL_MS = 1

/**
 * The default of `millrace train`: the emulated cloud in this process, reached through the AWS SDK like the real one. Services
 * named by AWS_ENDPOINT_URL_S3, _SQS or _LAMBDA are used where they are instead, each on its own.
 *
 * @throws MillraceError E_USAGE when functions on another machine were to use a bucket or a queue of this one; E_AWS, E_CREDENTIALS and
 *   E_PERMISSION where a service that is named cannot be used
 */
export async function emulatedRunCloud(): Promise<RunCloud> {
  let onFailed: Parameters<NonNullable<RunCloud['onInvocationFailed']>>[0] = () => undefined
  const onInvocation = ({ requestId, status, errorType, errorMessage }: InvocationReport): void => {
    if (status === 'ok') return
    const said = errorMessage === undefined ? '' : `: ${errorMessage.replace(`RequestId: ${requestId} `, '')}`
    onFailed(requestId, `the function ended with ${errorType ?? 'an error'}${said}`)
  }
  refuseUnreachable()
  const local = await provisionedCloud({ etags: 'opaque', lambda: { onInvocation } })
  try {
    const clients = awsClients({ localEndpoint: local.endpoint, credentials: local.credentials })
    await foreignBucket(clients)
    const { queueUrl, deadLetterQueueUrl, close: closeQueue } = await runQueue(clients, local.endpoint)
    return {
      where: whereOf(),
      store: s3ObjectStore(clients.s3, names.bucket),
      queue: sqsQueue(clients.sqs, { queueUrl, deadLetterQueueUrl }),
      invoker: lambdaInvoker(clients.lambda, names.rolloutFunction),
      clock: systemClock,
      bucket: names.bucket,
      queueUrl,
      ...endpointsForFunctions(local),
      spillAboveBytes: SPILL_ABOVE_BYTES,
      manifestPollMs: MANIFEST_POLL_MS,
      heartbeatMs: HEARTBEAT_MS,
      memoryMb: ROLLOUT_MEMORY_MB,
      trainWorker: join(packageRoot(), 'dist/learner/train-worker.mjs'),
      onInvocationFailed: (listener) => {
        onFailed = listener
      },
      async close() {
        await closeQueue()
        clients.destroy()
        await local.close()
      },
    }
  } catch (error) {
    await local.close()
    throw error
  }
}

/** A bucket that lies elsewhere is made there if it is missing; that of this process exists. */
async function foreignBucket({ s3 }: AwsClients): Promise<void> {
  if (!isForeign('S3')) return
  const bucket = { Bucket: names.bucket }
  const made = s3.send(new HeadBucketCommand(bucket)).catch(() => s3.send(new CreateBucketCommand(bucket)))
  await asking(`cannot make the bucket ${names.bucket} at ${configuredEndpoint('S3')}`, made)
}

/** The queue of this process is this run's alone; in an SQS elsewhere, which other runs may use, it gets one of its own. */
async function runQueue({ sqs }: AwsClients, endpoint: string): Promise<RunQueue> {
  const where = configuredEndpoint('SQS')
  if (where !== undefined)
    return await openRunQueue(sqs, { ...names, shared: isQueueNamed, clock: backgroundClock, where })
  return {
    queueUrl: `${endpoint}/000000000000/${names.queue}`,
    deadLetterQueueUrl: `${endpoint}/000000000000/${names.deadLetterQueue}`,
    close: async () => {},
  }
}

const isForeign = (service: 'S3' | 'SQS' | 'LAMBDA'): boolean => configuredEndpoint(service) !== undefined

/** Functions of another process know nothing of a bucket or a queue in this one, unless their leases tell them. */
function endpointsForFunctions(local: LocalCloud): Pick<RunCloud, 'endpoints'> {
  if (!isForeign('LAMBDA') || (isForeign('S3') && isForeign('SQS'))) return {}
  const at = (service: 'S3' | 'SQS') => configuredEndpoint(service) ?? local.endpoint
  return { endpoints: { s3: at('S3'), sqs: at('SQS') } }
}

/** Functions on another machine would wait for a bucket and a queue that only this one sees, and the run for them. */
function refuseUnreachable(): void {
  const lambda = configuredEndpoint('LAMBDA')
  if (lambda === undefined || isLoopback(lambda)) return
  const here = (['S3', 'SQS'] as const).filter((service) =>
    isLoopback(configuredEndpoint(service) ?? 'http://localhost'),
  )
  if (here.length === 0) return
  throw new MillraceError(
    'E_USAGE',
    `functions at ${lambda} cannot reach ${here.join(' and ')} on this machine; set AWS_ENDPOINT_URL_${here.join(' and AWS_ENDPOINT_URL_')} as well`,
  )
}

function whereOf(): string {
  const foreign = (['S3', 'SQS', 'LAMBDA'] as const).filter(isForeign)
  return foreign.length === 0 ? 'emulated cloud' : `emulated cloud, with ${foreign.join(', ')} elsewhere`
}

import { CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RunCloud } from '../../learner/run/cloud.ts'
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
import type { BatchQueue } from '../../shared/cloud/ports.ts'
import type { FaultSetting } from '../../shared/faults/index.ts'
import { asking } from '../../shared/cloud/control/problem.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { LocalCloud } from '../local/cloud.ts'
import type { DroppedEvent } from '../local/lambda/events.ts'
import type { InvocationReport } from '../local/lambda/usage.ts'
import { type DirectQueueNames, directQueue } from '../local/direct/directQueue.ts'
import { directStore } from '../local/direct/directStore.ts'
import { packageRoot } from '../local/packageRoot.ts'
import { failedCalls } from './failedCalls.ts'
import { stormyWeather } from './weather.ts'
import { FunctionLines } from './functionLines.ts'
import { HEARTBEAT_MS, ROLLOUT_MEMORY_MB, isQueueNamed, names } from './names.ts'
import { provisionedCloud } from './provision.ts'
import { createQueues } from './queues.ts'
import { openRunQueue } from './runQueue.ts'

/** On loopback time is what is dear: a small body in the message saves two round trips, a large one costs more as base64 than they do. */
const SPILL_ABOVE_BYTES = 64 * 1024
/** Every look costs a third of a millisecond; a fragment takes longer than that to step. */
const MANIFEST_POLL_MS = 1

/**
 * The default of `millrace train`: the emulated cloud in this process. The learner uses its bucket and its queue without a socket in
 * between, functions by requests as AWS would take them; with faults, both go through the AWS SDK as they do on AWS. Services
 * named by AWS_ENDPOINT_URL_S3, _SQS or _LAMBDA are used where they are instead, each on its own.
 *
 * @throws MillraceError E_USAGE when functions on another machine were to use a bucket or a queue of this one, or there were to be faults
 *   in a service that is elsewhere; E_AWS, E_CREDENTIALS and
 *   E_PERMISSION where a service that is named cannot be used
 */
export async function emulatedRunCloud({ faults, accountConcurrency }: EmulatedOptions = {}): Promise<RunCloud> {
  const failed = new Set<OnFailed>() // a run knows its own invocations by their ids
  const onInvocation = ({ requestId, status, errorType, errorMessage }: InvocationReport): void => {
    if (status === 'ok') return
    const said = errorMessage === undefined ? '' : `: ${errorMessage.replace(`RequestId: ${requestId} `, '')}`
    for (const tell of failed) tell(requestId, `the function ended with ${errorType ?? 'an error'}${said}`)
  }
  const onEventDropped = ({ requestId, condition, invocations }: DroppedEvent): void => {
    if (invocations > 0) return // told when it ended
    for (const tell of failed) tell(requestId, `it was not started (${condition})`, false)
  }
  const outputs = new Set<OnOutput>()
  const lines = new FunctionLines((output) => {
    for (const tell of outputs) tell(output)
  })
  refuseUnreachable()
  const weather = faults && stormyWeather(faults)
  // Faults are met by the SDK, as they would be on AWS. Where there are none, calls that stay on this machine go without it.
  const isDirect = weather?.isCalm ?? true
  const local = await provisionedCloud({
    etags: 'opaque',
    sdkOnly: !isDirect,
    ...weather?.hooks,
    lambda: {
      ...(accountConcurrency !== undefined && { accountConcurrency }),
      onInvocation,
      onEventDropped,
      onOutput: (event) => lines.add(event),
      ...weather?.hooks.lambda,
    },
  })
  try {
    const clients = awsClients({ localEndpoint: local.endpoint, credentials: local.credentials })
    const refused = weather && failedCalls(clients)
    await foreignBucket(clients)
    const sharing = { sqs: clients.sqs, local, failed, outputs, isDirect }
    const { queue, queueUrl, close: closeQueue } = await runQueue(sharing)
    const shared: RunCloud = {
      where: whereOf(),
      store:
        isDirect && !isForeign('S3') ? directStore(local.s3, names.bucket) : s3ObjectStore(clients.s3, names.bucket),
      queue: weather?.ledger.watched(queue) ?? queue,
      invoker: lambdaInvoker(clients.lambda, names.rolloutFunction),
      clock: systemClock,
      bucket: names.bucket,
      queueUrl,
      ...endpointsForFunctions(local),
      spillAboveBytes: SPILL_ABOVE_BYTES,
      manifestPollMs: MANIFEST_POLL_MS,
      heartbeatMs: HEARTBEAT_MS,
      ...(!isForeign('LAMBDA') && { concurrency: local.lambda.concurrency }),
      memoryMb: ROLLOUT_MEMORY_MB,
      trainWorker: join(packageRoot(), 'dist/learner/train-worker.mjs'),
      onInvocationFailed: (listener) => void failed.add(listener),
      onFunctionOutput: (listener) => void outputs.add(listener),
      ...(weather && { faultReport: () => weather.report(refused ?? {}) }),
      async close() {
        await closeQueue()
        clients.destroy()
        await local.close()
        lines.close()
      },
    }
    // With faults it is one run's: what is counted is counted of all.
    if (weather) return shared
    return { ...shared, forRun: async () => await ownQueue(shared, sharing) }
  } catch (error) {
    await local.close()
    throw error
  }
}

export interface EmulatedOptions {
  /** Faults that this cloud injects. */
  readonly faults?: FaultSetting | undefined
  /** Functions at once in the whole account; 1,000 unless told, as on AWS. */
  readonly accountConcurrency?: number
}

type OnFailed = Parameters<NonNullable<RunCloud['onInvocationFailed']>>[0]
type OnOutput = Parameters<NonNullable<RunCloud['onFunctionOutput']>>[0]

interface Sharing {
  readonly sqs: AwsClients['sqs']
  readonly local: LocalCloud
  readonly failed: Set<OnFailed>
  readonly outputs: Set<OnOutput>
  /** Is what lies in this process used without a socket in between? */
  readonly isDirect: boolean
}

/** The cloud for one run of several: a run takes every message of its queue, so each has a queue of its own. */
async function ownQueue(shared: RunCloud, sharing: Sharing): Promise<RunCloud> {
  const { failed, outputs } = sharing
  const { queue, queueUrl, close } = (await foreignQueue(sharing)) ?? newQueueHere(sharing)
  let own: OnFailed | undefined
  let output: OnOutput | undefined
  return {
    ...shared,
    queue,
    queueUrl,
    onInvocationFailed(listener) {
      own = listener
      failed.add(listener)
    },
    onFunctionOutput(listener) {
      output = listener
      outputs.add(listener)
    },
    async close() {
      if (own) failed.delete(own)
      if (output) outputs.delete(output)
      await close()
    },
  }
}

interface OpenQueue {
  readonly queue: BatchQueue
  /** For functions. */
  readonly queueUrl: string
  close(this: void): Promise<void>
}

function newQueueHere(sharing: Sharing): OpenQueue {
  const own = { queue: `${names.queue}-${randomUUID().slice(0, 8)}`, deadLetterQueue: names.deadLetterQueue }
  createQueues(sharing.local, own)
  return { ...queueHere(sharing, own), close: async () => sharing.local.sqs.deleteQueue(own.queue) }
}

function queueHere({ sqs, local, isDirect }: Sharing, own: DirectQueueNames): Omit<OpenQueue, 'close'> {
  const [queueUrl, deadLetterQueueUrl] = [own.queue, own.deadLetterQueue].map((name) => urlHere(local.endpoint, name))
  const urls = { queueUrl: queueUrl ?? '', deadLetterQueueUrl }
  return { queue: isDirect ? directQueue(local.sqs, own) : sqsQueue(sqs, urls), queueUrl: urls.queueUrl }
}

const urlHere = (endpoint: string, queue: string): string => `${endpoint}/000000000000/${queue}`

/** In an SQS elsewhere, which other runs may use, a run gets a queue of its own. */
async function foreignQueue({ sqs }: Sharing): Promise<OpenQueue | undefined> {
  const where = configuredEndpoint('SQS')
  if (where === undefined) return undefined
  const { close, ...urls } = await openRunQueue(sqs, { ...names, shared: isQueueNamed, clock: backgroundClock, where })
  return { queue: sqsQueue(sqs, urls), queueUrl: urls.queueUrl, close }
}

/** A bucket that lies elsewhere is made there if it is missing; that of this process exists. */
async function foreignBucket({ s3 }: AwsClients): Promise<void> {
  if (!isForeign('S3')) return
  const bucket = { Bucket: names.bucket }
  const made = s3.send(new HeadBucketCommand(bucket)).catch(() => s3.send(new CreateBucketCommand(bucket)))
  await asking(`cannot make the bucket ${names.bucket} at ${configuredEndpoint('S3')}`, made)
}

/** The queue of this process is this run's alone. */
async function runQueue(sharing: Sharing): Promise<OpenQueue> {
  return (await foreignQueue(sharing)) ?? { ...queueHere(sharing, names), close: async () => {} }
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

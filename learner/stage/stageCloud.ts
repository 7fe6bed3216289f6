import { cheapestSpillAboveBytes } from '../../shared/batch/index.ts'
import {
  type AwsOptions,
  awsClients,
  lambdaInvoker,
  s3ObjectStore,
  sqsQueue,
  systemClock,
} from '../../shared/cloud/index.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import type { RunCloud } from '../run/cloud.ts'

/**
 * A look costs as much as 17 ms of a function: at four a second, a fourteenth of it. A function that has nothing to do but wait
 * looks more often by itself.
 */
const MANIFEST_POLL_MS = 250
/** S3 answers 5,500 reads a second under one prefix; this many leave room for functions that wait. */
const LOOKS_PER_SECOND = 2_000

export interface StageCloudOptions extends AwsOptions {
  readonly shards: number
  /** The bundled train worker. */
  readonly trainWorker: string | undefined
}

/** A deployed stage as a run sees it. What is sent costs least: bodies go through the bucket where the price book says so. */
export function stageCloud(stage: StageDescription, { shards, trainWorker, ...aws }: StageCloudOptions): RunCloud {
  const { bucket, queueUrl, deadLetterQueueUrl, rolloutFunction, heartbeatSeconds, memoryMb, learnerHourUsd, region } =
    stage
  const clients = awsClients({ region, ...aws })
  return {
    where: `stage ${stage.stage}, ${region}`,
    store: s3ObjectStore(clients.s3, bucket),
    queue: sqsQueue(clients.sqs, { queueUrl, deadLetterQueueUrl }),
    invoker: lambdaInvoker(clients.lambda, rolloutFunction),
    clock: systemClock,
    bucket,
    queueUrl,
    spillAboveBytes: cheapestSpillAboveBytes(),
    manifestPollMs: Math.max(MANIFEST_POLL_MS, (shards / LOOKS_PER_SECOND) * 1000),
    heartbeatMs: heartbeatSeconds * 1000,
    leftovers: 'delete',
    concurrency: stage.concurrency,
    memoryMb,
    functionGbSecondUsd: stage.functionGbSecondUsd,
    learnerHourUsd,
    trainWorker,
    async close() {
      clients.destroy()
    },
  }
}

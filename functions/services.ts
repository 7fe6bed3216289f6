import {
  type BatchQueue,
  type ObjectStore,
  s3Client,
  s3ObjectStore,
  sqsClient,
  sqsQueue,
} from '../shared/cloud/index.ts'
import { lightQueue } from '../shared/cloud/loopback/lightQueue.ts'
import { lightStore } from '../shared/cloud/loopback/lightStore.ts'
import { wireTo } from '../shared/cloud/loopback/wire.ts'

/** S3 and SQS as a function uses them, with connections that it keeps. */
export interface Services {
  store(bucket: string): ObjectStore
  queue(queueUrl: string): BatchQueue
  destroy(): void
}

/** @param endpoints where they are; unless told, where the environment says */
export function services(endpoints?: { readonly s3: string; readonly sqs: string }): Services {
  const [s3At, sqsAt] = endpoints ? [{ endpoint: endpoints.s3 }, { endpoint: endpoints.sqs }] : [{}, {}]
  const [s3, sqs] = [s3Client(s3At), sqsClient(sqsAt)]
  const [toS3, toSqs] = [wireTo('S3', s3At), wireTo('SQS', sqsAt)]
  return {
    store(bucket) {
      const store = s3ObjectStore(s3, bucket)
      return toS3 ? lightStore(toS3, bucket, store) : store
    },
    queue(queueUrl) {
      const queue = sqsQueue(sqs, { queueUrl })
      return toSqs ? lightQueue(toSqs, queueUrl, queue) : queue
    },
    destroy() {
      for (const kept of [s3, sqs, toS3, toSqs]) kept?.destroy()
    },
  }
}

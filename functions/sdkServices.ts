import { s3Client, s3ObjectStore, sqsClient, sqsQueue } from '../shared/cloud/index.ts'
import type { Endpoints, Services } from './services.ts'

/** Both through the AWS SDK. */
export function sdkServices(endpoints?: Endpoints): Services {
  const [s3, sqs] = [
    s3Client(endpoints && { endpoint: endpoints.s3 }),
    sqsClient(endpoints && { endpoint: endpoints.sqs }),
  ]
  return {
    store: (bucket) => s3ObjectStore(s3, bucket),
    queue: (queueUrl) => sqsQueue(sqs, { queueUrl }),
    destroy() {
      s3.destroy()
      sqs.destroy()
    },
  }
}

import type { LocalCloud } from '../local/cloud.ts'
import { ACCOUNT } from '../local/sqsWire.ts'

/** Messages a learner took and did not delete come back after this long. */
const VISIBILITY_SECONDS = 60
const MAX_RECEIVES = 5

/** A queue of batches and its dead-letter queue, in an emulated cloud. */
export function createQueues(
  cloud: LocalCloud,
  names: { readonly queue: string; readonly deadLetterQueue: string },
): void {
  cloud.sqs.createQueue(names.deadLetterQueue)
  cloud.sqs.createQueue(names.queue, {
    VisibilityTimeout: String(VISIBILITY_SECONDS),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: `arn:aws:sqs:us-east-1:${ACCOUNT}:${names.deadLetterQueue}`,
      maxReceiveCount: MAX_RECEIVES,
    }),
  })
}

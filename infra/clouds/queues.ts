import { RECEIPTS } from '../aws/limits.ts'
import type { LocalCloud } from '../local/cloud.ts'
import { ACCOUNT } from '../local/sqs/wire.ts'

/** A queue of batches and its dead-letter queue, in an emulated cloud. */
export function createQueues(
  cloud: LocalCloud,
  names: { readonly queue: string; readonly deadLetterQueue: string },
): void {
  cloud.sqs.createQueue(names.deadLetterQueue)
  cloud.sqs.createQueue(names.queue, {
    VisibilityTimeout: String(RECEIPTS.visibilitySeconds),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: `arn:aws:sqs:us-east-1:${ACCOUNT}:${names.deadLetterQueue}`,
      maxReceiveCount: RECEIPTS.max,
    }),
  })
}

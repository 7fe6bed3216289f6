import { RECEIPTS } from '../aws/limits.ts'
import type { Stage } from './stage.ts'

/** SQS's largest message. */
const MESSAGE_BYTES = 1_048_576
const DAY = 86_400

export interface Queues {
  readonly queue: aws.sqs.Queue
  readonly deadLetterQueue: aws.sqs.Queue
}

/** The queue of sample batches, and where its messages go that nobody can use. */
export function stageQueues({ name, names, parent }: Stage): Queues {
  const common = { maxMessageSize: MESSAGE_BYTES, receiveWaitTimeSeconds: 20, sqsManagedSseEnabled: true }
  const deadLetterQueue = new aws.sqs.Queue(
    `${name}DeadLetters`,
    { ...common, name: names.deadLetterQueue, messageRetentionSeconds: 14 * DAY },
    { parent },
  )
  const queue = new aws.sqs.Queue(
    `${name}Batches`,
    {
      ...common,
      name: names.queue,
      // A batch older than a day is of a policy that no run trains any more.
      messageRetentionSeconds: DAY,
      visibilityTimeoutSeconds: RECEIPTS.visibilitySeconds,
      redrivePolicy: $jsonStringify({ deadLetterTargetArn: deadLetterQueue.arn, maxReceiveCount: RECEIPTS.max }),
    },
    { parent },
  )
  new aws.sqs.RedriveAllowPolicy(
    `${name}DeadLettersFrom`,
    {
      queueUrl: deadLetterQueue.url,
      redriveAllowPolicy: $jsonStringify({ redrivePermission: 'byQueue', sourceQueueArns: [queue.arn] }),
    },
    { parent },
  )
  return { queue, deadLetterQueue }
}

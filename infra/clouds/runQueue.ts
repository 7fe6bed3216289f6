import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  type SQSClient,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs'
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/cloud/ports.ts'
import { asking } from '../../shared/cloud/control/problem.ts'
import { RECEIPTS } from '../aws/limits.ts'

/** Where a run's messages go, in an SQS that other runs may use at the same time. */
export interface RunQueue {
  readonly queueUrl: string
  readonly deadLetterQueueUrl: string
  /** Deletes what was made for this run alone. It never rejects: a queue that is left is deleted by a later run. */
  close(this: void): Promise<void>
}

export interface RunQueueOptions {
  /** Queues of runs are called after it. */
  readonly queue: string
  readonly deadLetterQueue: string
  /** Set where the user named the queue: it is used as it is, by one run at a time. */
  readonly shared: boolean
  readonly clock: Clock
  /** For what goes wrong: the SQS's address. */
  readonly where: string
}

/** A run says so often that its queue is in use, and one of which nobody said so for long is of a run that was killed. */
const SIGN_OF_LIFE_MS = 3_600_000
const STALE_MS = 24 * 3_600_000

/**
 * A queue of its own for one run, so that runs do not take each other's messages. Queues that killed runs left behind are deleted first.
 *
 * @throws MillraceError E_AWS, E_CREDENTIALS, E_PERMISSION
 */
export async function openRunQueue(sqs: SQSClient, options: RunQueueOptions): Promise<RunQueue> {
  const { queue, deadLetterQueue, shared, clock, where } = options
  const create = async (QueueName: string, Attributes?: Record<string, string>): Promise<string> => {
    const made = sqs.send(new CreateQueueCommand({ QueueName, ...(Attributes && { Attributes }) }))
    return (await asking(`cannot make the queue ${QueueName} at ${where}`, made)).QueueUrl ?? ''
  }
  const deadLetterQueueUrl = await create(deadLetterQueue)
  if (shared) return { queueUrl: await create(queue), deadLetterQueueUrl, close: async () => {} }
  const prefix = `${queue}-run-`
  await deleteStale(sqs, prefix, clock.now()).catch(() => {}) // of others, and never this run's trouble
  const { QueueArn = '' } = await attributes(sqs, deadLetterQueueUrl, 'QueueArn')
  const visibility = { VisibilityTimeout: String(RECEIPTS.visibilitySeconds) }
  const queueUrl = await create(`${prefix}${clock.now().toString(36)}-${randomBytes(4).toString('hex')}`, {
    ...visibility,
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: RECEIPTS.max }),
  })
  const closed = new AbortController()
  const touch = async () => {
    for (;;) {
      await clock.sleep(SIGN_OF_LIFE_MS, closed.signal)
      if (closed.signal.aborted) return
      const same = { QueueUrl: queueUrl, Attributes: visibility } // any change is a sign of life, also to the same value
      await sqs.send(new SetQueueAttributesCommand(same)).catch(() => {})
    }
  }
  void touch()
  return {
    queueUrl,
    deadLetterQueueUrl,
    async close() {
      closed.abort()
      await sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl })).catch(() => {})
    },
  }
}

async function deleteStale(sqs: SQSClient, prefix: string, now: number): Promise<void> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: prefix }))
  for (const QueueUrl of QueueUrls) {
    const { LastModifiedTimestamp } = await attributes(sqs, QueueUrl, 'LastModifiedTimestamp')
    if (now - Number(LastModifiedTimestamp) * 1000 > STALE_MS) await sqs.send(new DeleteQueueCommand({ QueueUrl }))
  }
}

async function attributes(
  sqs: SQSClient,
  QueueUrl: string,
  name: 'QueueArn' | 'LastModifiedTimestamp',
): Promise<Partial<Record<string, string>>> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] }))
  return Attributes
}

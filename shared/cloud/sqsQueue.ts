import {
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  type MessageSystemAttributeName,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { MillraceError } from '../errors.ts'
import { signalOptions, withSignal } from './abort.ts'
import { asMillraceError, awsFailure } from './awsFailure.ts'
import type { BatchQueue, QueueMessage } from './ports.ts'

export interface SqsQueueOptions {
  readonly queueUrl: string
  /** Where rejected messages go; a sender needs none. */
  readonly deadLetterQueueUrl?: string | undefined
}

const MAX_BYTES = 1_048_576
const MAX_REASON = 512
const RECEIVE_COUNT: MessageSystemAttributeName[] = ['ApproximateReceiveCount']

/** A BatchQueue on SQS, or on anything that speaks its protocol. Waits are whole seconds there, and are rounded up. */
export function sqsQueue(client: SQSClient, options: SqsQueueOptions): BatchQueue {
  const { queueUrl, deadLetterQueueUrl } = options

  async function remove(messages: readonly QueueMessage[]): Promise<void> {
    const [only] = messages
    if (only === undefined) return
    if (messages.length === 1) {
      await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: only.receipt }))
      return
    }
    const Entries = messages.map(({ receipt }, at) => ({ Id: String(at), ReceiptHandle: receipt }))
    const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }))
    const [first] = Failed
    if (first)
      throw new Error(
        `${Failed.length} of ${messages.length} were refused, the first with ${first.Code}: ${first.Message}`,
      )
  }

  return {
    async send(body) {
      await attempt('cannot send', client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body })))
    },
    async receive({ max, waitMs, signal }) {
      if (signal?.aborted) return []
      const input = {
        QueueUrl: queueUrl,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: Math.ceil(waitMs / 1000),
        MessageSystemAttributeNames: RECEIVE_COUNT,
      }
      try {
        const command = new ReceiveMessageCommand(withSignal(input, signal))
        const { Messages = [] } = await client.send(command, signalOptions(client, signal))
        return Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => {
          return {
            id: MessageId,
            receipt: ReceiptHandle,
            body: Body,
            receiveCount: Number(Attributes?.ApproximateReceiveCount ?? 1),
          }
        })
      } catch (cause) {
        if (signal?.aborted) return []
        throw asMillraceError('E_QUEUE', 'cannot receive', awsFailure(cause))
      }
    },
    async delete(messages) {
      const batches: Promise<void>[] = []
      for (let start = 0; start < messages.length; start += 10) batches.push(remove(messages.slice(start, start + 10)))
      await attempt('cannot delete', Promise.all(batches))
    },
    async reject(message, reason) {
      if (deadLetterQueueUrl === undefined) {
        throw new MillraceError(
          'E_QUEUE',
          `message ${message.id} cannot be rejected: no dead-letter queue is named (${reason})`,
        )
      }
      const attributes = deadLetterAttributes(message, reason)
      const command = new SendMessageCommand({
        QueueUrl: deadLetterQueueUrl,
        MessageBody: message.body,
        ...(attributes && { MessageAttributes: attributes }),
      })
      await attempt(`cannot move message ${message.id} to the dead-letter queue`, client.send(command))
      await attempt(`cannot delete message ${message.id}`, remove([message]))
    },
  }
}

/** What a message that is put away carries beside its body: why, where there is room for it. */
export function deadLetterAttributes({ body }: Pick<QueueMessage, 'body'>, reason: string) {
  const printable = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON) || 'no reason given'
  const fits = Buffer.byteLength(body) + printable.length + 'reasonString'.length <= MAX_BYTES
  return fits ? { reason: { DataType: 'String', StringValue: printable } } : undefined
}

async function attempt<T>(doing: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    throw asMillraceError('E_QUEUE', doing, awsFailure(cause))
  }
}

import type { BatchQueue } from '../../../shared/cloud/ports.ts'
import { deadLetterAttributes } from '../../../shared/cloud/sqsQueue.ts'
import type { Sqs } from '../sqs/sqs.ts'
import { refusal } from './failure.ts'

export interface DirectQueueNames {
  readonly queue: string
  readonly deadLetterQueue: string
}

/** A queue of the SQS in this very process, without a socket in between. */
export function directQueue(sqs: Sqs, names: DirectQueueNames): BatchQueue {
  return {
    send: (body) => calling('cannot send', () => void sqs.queue(names.queue).send({ body })),
    receive: async ({ max, waitMs, signal }) => {
      if (signal?.aborted) return []
      return await calling('cannot receive', async () => {
        const queue = sqs.queue(names.queue)
        const messages = await queue.receive({ max }, waitMs, signal)
        return messages.map((message) => ({
          id: message.id,
          receipt: queue.receiptOf(message),
          body: message.body,
          receiveCount: message.receiveCount,
        }))
      })
    },
    delete: (messages) =>
      calling('cannot delete', () => {
        for (const { receipt } of messages) sqs.queue(names.queue).delete(receipt)
      }),
    reject: (message, reason) =>
      calling(`cannot move message ${message.id} to the dead-letter queue`, () => {
        const attributes = deadLetterAttributes(message, reason)
        sqs.queue(names.deadLetterQueue).send({ body: message.body, ...(attributes && { attributes }) })
        sqs.queue(names.queue).delete(message.receipt)
      }),
  }
}

async function calling<T>(doing: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw refusal('E_QUEUE', doing, cause)
  }
}

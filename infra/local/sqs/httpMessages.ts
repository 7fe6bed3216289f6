import { AwsError } from '../awsError.ts'
import type { Sqs } from './sqs.ts'
import { batchEntries, type Input, integer, outgoing, stringList, text } from './input.ts'
import { md5OfAttributes, type Message, type MessageAttributes, sizeOf } from './message.ts'
import type { SqsQueue } from './queue.ts'
import { ACCOUNT, eachEntry, queueOf, type SqsOperation } from './wire.ts'

const MAX_BATCH_BYTES = 1_048_576
const MAX_VISIBILITY_SECONDS = 43_200

/** Operations on messages. */
export function messageOperations(sqs: Sqs) {
  return {
    SendMessage: ({ input }) => sent(queueOf(sqs, input).send(outgoing(input))),
    SendMessageBatch: ({ input }) => {
      const queue = queueOf(sqs, input)
      const entries = batchEntries(input)
      let bytes = 0
      for (const entry of entries) bytes += sizeOf(outgoing(entry))
      if (bytes > MAX_BATCH_BYTES) {
        const why = `Batch requests cannot be longer than ${MAX_BATCH_BYTES} bytes. You have sent ${bytes} bytes.`
        throw new AwsError(400, 'BatchRequestTooLong', why)
      }
      return eachEntry(entries, (entry) => sent(queue.send(outgoing(entry))))
    },
    ReceiveMessage: async ({ input, onHangUp }) => {
      const queue = queueOf(sqs, input)
      const max = integer(input, 'MaxNumberOfMessages', [1, 10]) ?? 1
      const visibilitySeconds = integer(input, 'VisibilityTimeout', [0, MAX_VISIBILITY_SECONDS])
      const waitSeconds = integer(input, 'WaitTimeSeconds', [0, 20]) ?? queue.setting('ReceiveMessageWaitTimeSeconds')
      const options = { max, visibilityMs: visibilitySeconds === undefined ? undefined : visibilitySeconds * 1000 }
      let messages = queue.receiveNow(options)
      if (messages.length === 0 && waitSeconds > 0) {
        const hungUp = new AbortController()
        onHangUp(() => hungUp.abort())
        messages = await queue.receive(options, waitSeconds * 1000, hungUp.signal)
      }
      if (messages.length === 0) return undefined
      const system = [...stringList(input, 'MessageSystemAttributeNames'), ...stringList(input, 'AttributeNames')]
      const wanted = stringList(input, 'MessageAttributeNames')
      return { Messages: messages.map((message) => received(queue, message, { system, wanted })) }
    },
    DeleteMessage: ({ input }) => {
      queueOf(sqs, input).delete(text(input, 'ReceiptHandle'))
      return undefined
    },
    DeleteMessageBatch: ({ input }) => {
      const queue = queueOf(sqs, input)
      return eachEntry(batchEntries(input), (entry) => {
        queue.delete(text(entry, 'ReceiptHandle'))
        return {}
      })
    },
    ChangeMessageVisibility: ({ input }) => {
      changeVisibility(queueOf(sqs, input), input)
      return undefined
    },
    ChangeMessageVisibilityBatch: ({ input }) => {
      const queue = queueOf(sqs, input)
      return eachEntry(batchEntries(input), (entry) => changeVisibility(queue, entry))
    },
  } satisfies Record<string, SqsOperation>
}

function changeVisibility(queue: SqsQueue, input: Input): object {
  const seconds = integer(input, 'VisibilityTimeout', [0, MAX_VISIBILITY_SECONDS])
  if (seconds === undefined)
    throw new AwsError(400, 'MissingParameter', 'The request must contain the parameter VisibilityTimeout.')
  queue.changeVisibility(text(input, 'ReceiptHandle'), seconds * 1000)
  return {}
}

function sent(message: Message): object {
  const attributes = hasAny(message.attributes)
    ? { MD5OfMessageAttributes: md5OfAttributes(message.attributes) }
    : undefined
  return { MessageId: message.id, MD5OfMessageBody: message.md5, ...attributes }
}

function received(
  queue: SqsQueue,
  message: Message,
  names: { system: readonly string[]; wanted: readonly string[] },
): object {
  const attributes = names.wanted.length === 0 ? {} : select(message.attributes, names.wanted)
  const chosen = hasAny(attributes)
    ? { MessageAttributes: attributes, MD5OfMessageAttributes: md5OfAttributes(attributes) }
    : undefined
  return {
    MessageId: message.id,
    ReceiptHandle: queue.receiptOf(message),
    MD5OfBody: message.md5,
    Body: message.body,
    ...(names.system.length > 0 && { Attributes: systemAttributes(message, names.system) }),
    ...chosen,
  }
}

function systemAttributes(message: Message, names: readonly string[]): Record<string, string> {
  const all: Record<string, string> = {
    SenderId: ACCOUNT,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.source !== undefined && { DeadLetterQueueSourceArn: message.source }),
  }
  if (names.includes('All')) return all
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
}

/** `All`, a name, or a prefix as `name.*`. */
function select(attributes: MessageAttributes, wanted: readonly string[]): MessageAttributes {
  const matches = (name: string) =>
    wanted.some(
      (want) => want === name || want === 'All' || (want.endsWith('.*') && name.startsWith(want.slice(0, -2))),
    )
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => matches(name)))
}

const hasAny = (attributes: MessageAttributes) => {
  for (const _ in attributes) return true
  return false
}

import { parseJsonBytes } from '../../protocol/parseJson.ts'
import { type AwsFailure, asMillraceError, awsFailure } from '../awsFailure.ts'
import type { BatchQueue } from '../ports.ts'
import type { Answer } from './connection.ts'
import type { Wire } from './wire.ts'

const HEADERS = 'content-type: application/x-amz-json-1.0\r\nx-amz-target: AmazonSQS.SendMessage\r\n'

/** A queue to which messages are sent over `wire`. Everything else is the other queue's. */
export function lightQueue(wire: Wire, queueUrl: string, other: () => Promise<BatchQueue>): BatchQueue {
  return {
    receive: async (options) => await (await other()).receive(options),
    delete: async (messages) => await (await other()).delete(messages),
    reject: async (message, reason) => await (await other()).reject(message, reason),
    async send(body) {
      const json = Buffer.from(JSON.stringify({ QueueUrl: queueUrl, MessageBody: body }))
      let answer: Answer
      try {
        answer = await wire.ask({ method: 'POST', path: '/', headers: HEADERS, body: json })
      } catch (cause) {
        throw asMillraceError('E_QUEUE', 'cannot send', awsFailure(cause))
      }
      if (answer.status !== 200) throw asMillraceError('E_QUEUE', 'cannot send', failureOf(answer))
    },
  }
}

/** SQS says no in JSON. */
function failureOf({ status, body }: Answer): AwsFailure {
  let said: Readonly<Record<string, unknown>> = {}
  try {
    said = Object(parseJsonBytes(body)) as typeof said
  } catch {
    // then the status is all that there is
  }
  const { __type: type, message } = said
  const name = typeof type === 'string' ? type.replace(/^.*#/, '') : 'UnknownError'
  return {
    name,
    message: typeof message === 'string' ? message : `HTTP ${status}`,
    status,
    attempts: 1,
    cause: undefined,
  }
}

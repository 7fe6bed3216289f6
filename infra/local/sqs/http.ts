import type { IncomingMessage, ServerResponse } from 'node:http'
import { AwsError } from '../awsError.ts'
import type { Front } from '../front.ts'
import { MAX_REQUEST_BYTES, readBody, requestId } from '../http.ts'
import type { Sqs } from './sqs.ts'
import { messageOperations } from './httpMessages.ts'
import { queueOperations } from './httpQueues.ts'
import { parseInput } from './input.ts'
import type { SqsOperation } from './wire.ts'

export interface SqsCall {
  readonly operation: string
}

/** SQS's JSON 1.0 protocol (`x-amz-target: AmazonSQS.…`) in front of the core. */
export function sqsFront(sqs: Sqs): Front<SqsCall> {
  const operations = new Map<string, SqsOperation>(
    Object.entries({ ...queueOperations(sqs), ...messageOperations(sqs) }),
  )
  return {
    protocol: 'sqs',
    maxBodyBytes: MAX_REQUEST_BYTES,
    service: () => 'sqs',
    route: (request) => ({ operation: String(request.headers['x-amz-target']).slice('AmazonSQS.'.length) }),
    resource: () => '',
    async serve({ operation }, request, response) {
      const run = operations.get(operation)
      if (run === undefined)
        throw new AwsError(400, 'UnsupportedOperation', `The emulated SQS does not know ${operation}.`)
      const input = parseInput(await readBody(request))
      const origin = `http://${request.headers.host ?? 'localhost'}`
      const output = await run({ input, origin, onHangUp: (action) => response.on('close', action) })
      if (!response.destroyed) send(response, 200, output === undefined ? '{}' : JSON.stringify(output))
    },
    refuse(error, _request, response) {
      const { type, query } = names(error.code)
      const body = JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: error.message })
      const fault = error.status < 500 ? 'Sender' : 'Receiver'
      send(response, error.status, body, { 'x-amzn-query-error': `${query};${fault}` })
    },
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'x-amzn-requestid': requestId(),
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

/** Is this request for SQS? */
export const isSqs = (request: IncomingMessage) => String(request.headers['x-amz-target']).startsWith('AmazonSQS.')

/** Codes of the old query protocol that differ from the JSON protocol's; the SDK shows both. */
const QUERY_CODES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueNameExists: 'QueueAlreadyExists',
}
const PREFIXED = [
  'EmptyBatchRequest',
  'TooManyEntriesInBatchRequest',
  'BatchEntryIdsNotDistinct',
  'InvalidBatchEntryId',
  'BatchRequestTooLong',
  'MessageNotInflight',
  'UnsupportedOperation',
]

function names(code: string): { type: string; query: string } {
  const type = code === 'InvalidParameterValue' || code === 'MissingParameter' ? `${code}Exception` : code
  return { type, query: QUERY_CODES[code] ?? (PREFIXED.includes(code) ? `AWS.SimpleQueueService.${code}` : code) }
}

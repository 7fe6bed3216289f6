import { AwsError } from '../awsError.ts'
import type { Sqs } from './sqs.ts'
import { type Input, text } from './input.ts'
import type { SqsQueue } from './queue.ts'

/** One request, for an operation: its JSON, and what depends on the connection. */
export interface SqsRequest {
  readonly input: Input
  /** `http://host:port`, as the caller wrote it: queue URLs are made with it. */
  readonly origin: string
  /** Calls back when the caller hung up before its answer. */
  readonly onHangUp: (action: () => void) => void
}

/** Gives back the output to write as JSON; nothing means an empty answer. */
export type SqsOperation = (request: SqsRequest) => object | undefined | Promise<object | undefined>

/** The account that owns everything here. */
export const ACCOUNT = '000000000000'

/** The queue that a request's QueueUrl names. @throws AwsError QueueDoesNotExist, MissingParameter */
export function queueOf(sqs: Sqs, input: Input): SqsQueue {
  const url = text(input, 'QueueUrl')
  return sqs.queue(url.slice(url.lastIndexOf('/') + 1))
}

/** Runs every entry of a batch by itself: one that fails is reported under its id and does not stop the others. */
export function eachEntry(
  entries: readonly Input[],
  run: (entry: Input) => object,
): { Successful: object[]; Failed: object[] } {
  const Successful: object[] = []
  const Failed: object[] = []
  for (const entry of entries) {
    const Id = text(entry, 'Id')
    try {
      Successful.push({ Id, ...run(entry) })
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      Failed.push({ Id, Code: error.code, Message: error.message, SenderFault: true })
    }
  }
  return { Successful, Failed }
}

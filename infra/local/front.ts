import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AwsError } from './awsError.ts'

/** A service's wire protocol: names what is asked, answers it, and says no in the service's own words. */
export interface Front<Call extends { readonly operation: string }> {
  readonly service: 's3' | 'sqs' | 'lambda'
  /** From the request line and headers alone; the body is not read yet. May throw an AwsError. */
  route(request: IncomingMessage): Call
  /** What the call is about, for a fault hook: `bucket/key`, a queue's name, a function's name. */
  resource(call: Call): string
  /** Answers the request. May throw an AwsError, which goes to `refuse`. */
  serve(call: Call, request: IncomingMessage, response: ServerResponse): Promise<void> | void
  refuse(error: AwsError, request: IncomingMessage, response: ServerResponse): void
}

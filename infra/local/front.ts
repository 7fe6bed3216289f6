import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Protocol } from './door/authErrors.ts'
import type { AwsError } from './awsError.ts'
import type { ServiceName } from './faults/faults.ts'

/** A service's wire protocol: names what is asked, answers it, and says no in the service's own words. */
export interface Front<Call extends { readonly operation: string }> {
  readonly protocol: Protocol
  /** The largest request that is read. */
  readonly maxBodyBytes: number
  /** One, or, behind a protocol that several services share, that of the call. */
  service(call: Call): ServiceName
  /** From the request line and headers; only where they do not tell, from the body, which the call then carries. May throw an AwsError. */
  route(request: IncomingMessage): Call | Promise<Call>
  /** What the call is about, for a fault hook: `bucket/key`, a queue's name, a function's name. */
  resource(call: Call): string
  /** Answers the request. May throw an AwsError, which goes to `refuse`. */
  serve(call: Call, request: IncomingMessage, response: ServerResponse): Promise<void> | void
  refuse(error: AwsError, request: IncomingMessage, response: ServerResponse): void
}

/** A front whatever its calls look like: what it routes goes back to itself alone. */
export type AnyFront = Front<{ readonly operation: string }>

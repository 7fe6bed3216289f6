import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { printable } from '../printable.ts'
import { LeaseToken, Sha256, issues } from './fields.ts'
import { MAX_LEASES } from './invocation.ts'
import { LeaseReport } from './lease.ts'
import { listOf } from './lists.ts'
import { Name, ObjectKey } from './names.ts'
import { MESSAGE_LIMITS, parseJson, whyNoJson } from './parseJson.ts'

/** A fragment on the queue: its provenance, and its body inline or as a pointer into the bucket. */
export const FragmentMessage = z.strictObject({
  kind: z.literal('fragment'),
  format: z.literal(1),
  run: Name,
  shard: z.number().int().min(0),
  lease: Name,
  /** As the lease has it. */
  token: LeaseToken.optional(),
  sequence: z.number().int().min(0),
  policyVersion: z.number().int().min(0),
  /** None where it is made of the steps of a message before it. */
  envSteps: z.number().int().min(0),
  /** SHA-256 of the body as it travels (after compression, before base64), hex. */
  sha256: Sha256,
  /** Its length, likewise. */
  bytes: z.number().int().min(1),
  encoding: z.enum(['safetensors', 'safetensors+deflate']),
  body: z.discriminatedUnion('in', [
    z.strictObject({ in: z.literal('message'), base64: z.string().min(1) }),
    z.strictObject({ in: z.literal('bucket'), key: ObjectKey }),
  ]),
})
export type FragmentMessage = z.infer<typeof FragmentMessage>

export const LeaseEndMessage = z.strictObject({
  kind: z.literal('leaseEnd'),
  format: z.literal(1),
  /** As the lease has it. */
  token: LeaseToken.optional(),
  report: LeaseReport,
})
export type LeaseEndMessage = z.infer<typeof LeaseEndMessage>

export const Message = z.discriminatedUnion('kind', [FragmentMessage, LeaseEndMessage])
export type Message = z.infer<typeof Message>

/** A lease as the payload of its invocation names it. */
const NamedLease = z.object({ shard: z.number().int().min(0), lease: Name, token: LeaseToken.optional() })

/**
 * What Lambda itself puts on the queue when an asynchronous invocation came to nothing (its on-failure destination): its leases come
 * back in `requestPayload`. Only the fields that are needed; AWS may add others.
 */
const FailureRecord = z.object({
  requestContext: z.object({ requestId: z.string(), condition: z.string() }),
  requestPayload: z.object({ run: Name, leases: listOf(NamedLease, MAX_LEASES) }),
  /** With `functionError` where the function ran and failed; it may not have run at all. */
  responseContext: z.object({ functionError: z.string().nullish() }).nullish(),
  responsePayload: z.unknown().optional(),
})

/** Leases that the platform ended: their function crashed, ran out of time or memory, or was never started. */
export interface InvocationFailed {
  readonly kind: 'invocationFailed'
  readonly run: string
  readonly leases: readonly z.infer<typeof NamedLease>[]
  /** False where no environment was free for it in time. */
  readonly started: boolean
  readonly reason: string
}

/** @throws MillraceError E_MESSAGE saying which field is wrong */
export function parseMessage(body: string): Message | InvocationFailed {
  let data: unknown
  try {
    data = parseJson(body, MESSAGE_LIMITS)
  } catch (cause) {
    throw new MillraceError('E_MESSAGE', `a queue message ${whyNoJson(cause)}`, {}, { cause })
  }
  if (isRecord(data)) return invocationFailed(data)
  const result = Message.safeParse(data)
  if (!result.success) throw new MillraceError('E_MESSAGE', `not a queue message of ours: ${issues(result.error)}`)
  return result.data
}

/** Only Lambda's own records have a `requestContext`. */
const isRecord = (data: unknown): boolean => typeof data === 'object' && data !== null && 'requestContext' in data

function invocationFailed(data: unknown): InvocationFailed {
  const result = FailureRecord.safeParse(data)
  if (!result.success) throw new MillraceError('E_MESSAGE', `not a failed invocation of ours: ${issues(result.error)}`)
  const { requestContext, requestPayload, responseContext, responsePayload } = result.data
  const started = typeof responseContext?.functionError === 'string'
  const reason = started
    ? `the function ended with an error${said(responsePayload, requestContext.requestId)}`
    : `it was not started (${requestContext.condition})`
  return { kind: 'invocationFailed', ...requestPayload, started, reason }
}

/** The platform's own sentence, cut short. */
function said(payload: unknown, requestId: string): string {
  if (typeof payload !== 'object' || payload === null) return ''
  const { errorMessage } = payload as { readonly errorMessage?: unknown }
  if (typeof errorMessage !== 'string' || errorMessage === '') return ''
  return `: ${printable(errorMessage).replace(`RequestId: ${requestId} `, '').slice(0, 300)}`
}

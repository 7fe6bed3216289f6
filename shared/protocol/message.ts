import { z } from 'zod'
import { MillraceError } from '../errors.ts'
import { Sha256, issues } from './fields.ts'
import { LeaseReport } from './lease.ts'

/** A fragment on the queue: its provenance, and its body inline or as a pointer into the bucket. */
export const FragmentMessage = z.strictObject({
  kind: z.literal('fragment'),
  format: z.literal(1),
  run: z.string().min(1),
  shard: z.number().int().min(0),
  lease: z.string().min(1),
  sequence: z.number().int().min(0),
  policyVersion: z.number().int().min(0),
  envSteps: z.number().int().min(1),
  /** SHA-256 of the body as it travels (after compression, before base64), hex. */
  sha256: Sha256,
  /** Its length, likewise. */
  bytes: z.number().int().min(1),
  encoding: z.enum(['safetensors', 'safetensors+deflate']),
  body: z.discriminatedUnion('in', [
    z.strictObject({ in: z.literal('message'), base64: z.string().min(1) }),
    z.strictObject({ in: z.literal('bucket'), key: z.string().min(1) }),
  ]),
})
export type FragmentMessage = z.infer<typeof FragmentMessage>

export const LeaseEndMessage = z.strictObject({
  kind: z.literal('leaseEnd'),
  format: z.literal(1),
  report: LeaseReport,
})
export type LeaseEndMessage = z.infer<typeof LeaseEndMessage>

export const Message = z.discriminatedUnion('kind', [FragmentMessage, LeaseEndMessage])
export type Message = z.infer<typeof Message>

/** @throws MillraceError E_MESSAGE saying which field is wrong */
export function parseMessage(body: string): Message {
  let data: unknown
  try {
    data = JSON.parse(body)
  } catch (cause) {
    throw new MillraceError('E_MESSAGE', 'a queue message is not JSON', {}, { cause })
  }
  const result = Message.safeParse(data)
  if (!result.success) throw new MillraceError('E_MESSAGE', `not a queue message of ours: ${issues(result.error)}`)
  return result.data
}

import * as z from 'zod'
import { sha256Hex } from '../batch/hash.ts'
import { MillraceError } from '../errors.ts'
import { Sha256, issues } from './fields.ts'
import { PolicyHash } from './lease.ts'
import { listOf, numbersOf } from './lists.ts'
import { Name, ObjectKey } from './names.ts'
import { MESSAGE_LIMITS, parseJsonBytes, whyNoJson } from './parseJson.ts'

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

/** The half of a hash that `Manifest.earlier` has. */
export const halfOf = (sha256: string): string => sha256.slice(0, 32)

/**
 * The one small object of a run that every function polls: which policy is newest, how long the learner's word holds, and
 * whether to stop.
 */
export const Manifest = z.strictObject({
  format: z.literal(1),
  run: Name,
  policy: z.strictObject({
    version: z.number().int().min(0),
    key: ObjectKey,
    sha256: Sha256,
    /** The model itself in base64 where it is small: saves every function a request per version. */
    inline: z.string().optional(),
  }),
  /**
   * Versions before the newest that are in the bucket, with the first half of their models' SHA-256: a function that is to step with
   * one checks it as it checks the newest. Only where the pace asks for them.
   */
  earlier: listOf(PolicyHash, 1024).optional(),
  /** By shard: the sequence number after the last fragment that the learner consumed. Opens the window of `newest` pacing. */
  consumed: numbersOf('whole numbers', isCount),
  /** How many fragments a shard may be ahead of that in `newest` pacing, where that is more than its pacing says. */
  window: z.number().int().min(1).optional(),
  /** ms since the epoch; past it a function stops by itself. */
  heartbeatUntil: z.number(),
  /** For how long that was when it was written: a function whose clock does not agree counts from when it saw the manifest change. */
  heartbeatMs: z.number().positive().optional(),
  /** A function that has nothing to do but wait ends its lease: shards that could step a fragment wait for a place. */
  handOver: z.boolean().optional(),
  stop: z.boolean(),
})
export type Manifest = z.infer<typeof Manifest>

/** Its last member: the SHA-256 of the manifest as it would be without it. A digit that was altered in the bucket would else pass for another policy version. */
const SEAL = /,"digest":"([0-9a-f]{64})"\}$/
const SEAL_BYTES = ',"digest":""}'.length + 64

/** @throws MillraceError E_MANIFEST */
export function parseManifest(body: Uint8Array): Manifest {
  const plain = unsealed(body)
  let data: unknown
  try {
    data = parseJsonBytes(plain ?? body, MESSAGE_LIMITS)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    throw new MillraceError('E_MANIFEST', `the manifest ${whyNoJson(cause)}`, {}, { cause })
  }
  const result = Manifest.safeParse(data)
  if (!result.success) throw new MillraceError('E_MANIFEST', `not a manifest: ${issues(result.error)}`)
  if (!plain) throw new MillraceError('E_MANIFEST', 'the manifest has no digest at its end')
  return result.data
}

/** With a digest: one flipped bit could make a version or the learner's word another, and would still be a manifest. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const plain = Buffer.from(JSON.stringify(manifest))
  const seal = Buffer.from(`,"digest":"${sha256Hex(plain)}"}`)
  return Buffer.concat([plain.subarray(0, -1), seal])
}

/** @returns undefined where there is no digest @throws MillraceError E_MANIFEST where it is that of another manifest */
function unsealed(body: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const at = Math.max(0, bytes.byteLength - SEAL_BYTES)
  const digest = SEAL.exec(bytes.toString('latin1', at))?.[1]
  if (digest === undefined) return undefined
  const plain = Buffer.concat([bytes.subarray(0, at), CLOSE])
  if (sha256Hex(plain) === digest) return plain
  throw new MillraceError('E_MANIFEST', 'the manifest was altered: its digest is that of another')
}

const CLOSE = Buffer.from('}')

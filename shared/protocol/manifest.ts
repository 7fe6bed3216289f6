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
  /** ms since the epoch; past it a function stops by itself. */
  heartbeatUntil: z.number(),
  /** For how long that was when it was written: a function whose clock does not agree counts from when it saw the manifest change. */
  heartbeatMs: z.number().positive().optional(),
  stop: z.boolean(),
})
export type Manifest = z.infer<typeof Manifest>

/** The last field of the file: the SHA-256 of the file as it is without that field. */
const DIGEST = /,"sha256":"([0-9a-f]{64})"\}$/
const DIGEST_BYTES = ',"sha256":""}'.length + 64
const CLOSE = '}'.charCodeAt(0)

/** @throws MillraceError E_MANIFEST, also where a digest says that the file was damaged */
export function parseManifest(body: Uint8Array): Manifest {
  let data: unknown
  try {
    data = parseJsonBytes(withoutDigest(body), MESSAGE_LIMITS)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    throw new MillraceError('E_MANIFEST', `the manifest ${whyNoJson(cause)}`, {}, { cause })
  }
  const result = Manifest.safeParse(data)
  if (!result.success) throw new MillraceError('E_MANIFEST', `not a manifest: ${issues(result.error)}`)
  return result.data
}

/** With a digest: one flipped bit could make a version or the learner's word another, and would still be a manifest. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const plain = new TextEncoder().encode(JSON.stringify(manifest))
  return Buffer.concat([plain.subarray(0, -1), Buffer.from(`,"sha256":"${sha256Hex(plain)}"}`, 'latin1')])
}

/** A digest that was itself damaged is an unknown field, and refused as one. */
function withoutDigest(body: Uint8Array): Uint8Array {
  const tail = Buffer.from(body.subarray(-DIGEST_BYTES)).toString('latin1')
  const promised = DIGEST.exec(tail)?.[1]
  if (promised === undefined) return body
  const plain = new Uint8Array(body.subarray(0, body.byteLength - DIGEST_BYTES + 1))
  plain[plain.byteLength - 1] = CLOSE
  if (sha256Hex(plain) === promised) return plain
  throw new MillraceError('E_MANIFEST', 'the manifest was damaged: its content does not have the SHA-256 that it says')
}

import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { Sha256, issues } from './fields.ts'
import { Name, ObjectKey } from './names.ts'
import { MESSAGE_LIMITS, parseJsonBytes, whyNoJson } from './parseJson.ts'

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
  /** By shard: the sequence number after the last fragment that the learner consumed. Opens the window of `newest` pacing. */
  consumed: z.array(z.number().int().min(0)),
  /** ms since the epoch; past it a function stops by itself. */
  heartbeatUntil: z.number(),
  stop: z.boolean(),
})
export type Manifest = z.infer<typeof Manifest>

/** @throws MillraceError E_MANIFEST */
export function parseManifest(body: Uint8Array): Manifest {
  let data: unknown
  try {
    data = parseJsonBytes(body, MESSAGE_LIMITS)
  } catch (cause) {
    throw new MillraceError('E_MANIFEST', `the manifest ${whyNoJson(cause)}`, {}, { cause })
  }
  const result = Manifest.safeParse(data)
  if (!result.success) throw new MillraceError('E_MANIFEST', `not a manifest: ${issues(result.error)}`)
  return result.data
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(manifest))
}

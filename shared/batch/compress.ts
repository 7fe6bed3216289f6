import { deflateSync, inflateSync } from 'node:zlib'
import { MillraceError } from '../errors.ts'

/** What a compressed body may inflate to: 16 times the largest that is ever compressed, so that a bomb costs 16 MiB at most. */
export const MAX_INFLATED_BYTES = 16 << 20

/** Deflate with a zlib header (RFC 1950, HTTP's `deflate`), level 1: on float32 columns higher levels gain 1 to 3 % for twice the time. */
export function deflate(bytes: Uint8Array): Uint8Array {
  return deflateSync(bytes, { level: 1 })
}

/** @throws MillraceError E_BATCH_FORMAT when the bytes are not a whole deflate stream, or inflate past the limit */
export function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
  } catch (cause) {
    throw new MillraceError('E_BATCH_FORMAT', 'not a sample batch: its body does not inflate', {}, { cause })
  }
}

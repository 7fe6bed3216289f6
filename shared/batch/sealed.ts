import { createHash } from 'node:crypto'
import { MillraceError } from '../errors.ts'
import { sha256Hex } from './hash.ts'
import { decodeBatch, encodeBatch } from './safetensors.ts'
import type { SampleBatch } from './sampleBatch.ts'

/** The note that holds the digest. */
const NOTE = 'sha256'
const NONE = '0'.repeat(64)
const MARK = `"note.${NOTE}":"`

/**
 * A batch as a file that carries its own digest: under the note `sha256`, the SHA-256 of the whole file with 64 zeros in the digest's
 * place. It stays a plain safetensors file, and any byte that changed shows when it is read back.
 *
 * @throws MillraceError E_BATCH_SHAPE, E_BATCH_FORMAT as `encodeBatch`
 */
export function sealBatch(batch: SampleBatch): Uint8Array {
  const bytes = encodeBatch({ ...batch, notes: { ...batch.notes, [NOTE]: NONE } })
  const at = digestAt(bytes)
  if (at === undefined) throw new MillraceError('E_INTERNAL', 'a batch was encoded without the place of its digest')
  bytes.set(Buffer.from(sha256Hex(bytes), 'latin1'), at)
  return bytes
}

/**
 * The batch of a sealed file. Its columns are views on `bytes`, as `decodeBatch` gives them.
 *
 * @throws MillraceError E_BATCH_HASH when the file was damaged or carries no digest, E_BATCH_FORMAT when it is no batch at all
 */
export function openSealed(bytes: Uint8Array): SampleBatch {
  const batch = decodeBatch(bytes)
  const { [NOTE]: promised, ...notes } = batch.notes
  const at = promised === undefined ? undefined : digestAt(bytes)
  if (at === undefined)
    throw new MillraceError('E_BATCH_HASH', 'it carries no digest, so nobody can tell whether it is whole')
  const found = digestOf(bytes, at)
  if (found === promised) return { ...batch, notes }
  throw new MillraceError('E_BATCH_HASH', `it was damaged: its SHA-256 is ${found}, it says ${promised}`)
}

/** Has it a digest at all? What another program wrote has none. */
export const isSealed = (batch: SampleBatch): boolean => batch.notes[NOTE] !== undefined

/** In pieces and not with the digest overwritten: the bytes may be looked at by others, and are not ours to change. */
function digestOf(bytes: Uint8Array, at: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(NONE, 'latin1')
    .update(bytes.subarray(at + NONE.length))
    .digest('hex')
}

/** Where the digest's 64 letters begin. No key is twice in a header, and inside a string the mark's quotes would be escaped. */
function digestAt(bytes: Uint8Array): number | undefined {
  const header = Buffer.from(
    bytes.buffer,
    bytes.byteOffset,
    8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
  )
  const at = header.indexOf(MARK, 8, 'latin1')
  return at < 0 ? undefined : at + MARK.length
}

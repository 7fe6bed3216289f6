import { MillraceError } from '../errors.ts'
import { ITEM_BYTES, dtypeOf, elementsOf, viewOf } from './columns.ts'
import { COLUMN_NAME, MAX_COLUMNS, MAX_HEADER_BYTES, encodeMetadata, parseHeader } from './safetensorsHeader.ts'
import type { Column, SampleBatch } from './sampleBatch.ts'

const utf8 = new TextEncoder()

/**
 * Encodes a batch in the safetensors layout: u64 header length, JSON header padded with spaces to a multiple of 8, data.
 * Columns are laid out by falling element size, so that each is aligned without gaps (the layout allows none).
 * Data are copied once, as they lie in memory: the hosts this runs on (x86-64, arm64, WebAssembly) are little-endian.
 *
 * @param allocate gives a buffer of at least so many bytes, starting 8-byte aligned; the result is a view on its beginning,
 *   so a pool of buffers makes encoding free of large allocations
 * @throws MillraceError E_BATCH_SHAPE when a column's data do not fit its dtype and shape
 */
export function encodeBatch(
  batch: SampleBatch,
  allocate: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes),
): Uint8Array {
  const ordered = Object.entries(batch.columns).sort(([, a], [, b]) => ITEM_BYTES[b.dtype] - ITEM_BYTES[a.dtype])
  if (ordered.length > MAX_COLUMNS) {
    throw new MillraceError(
      'E_BATCH_SHAPE',
      `the batch has ${ordered.length} columns, at most ${MAX_COLUMNS} can be encoded`,
    )
  }
  let header = `{"__metadata__":${encodeMetadata(batch)}`
  let offset = 0
  for (const [name, column] of ordered) {
    checkColumn(name, column)
    const end = offset + column.data.byteLength
    header += `,"${name}":{"dtype":"${column.dtype}","shape":[${column.shape.join(',')}],"data_offsets":[${offset},${end}]}`
    offset = end
  }
  const text = utf8.encode(`${header}}`)
  if (text.length > MAX_HEADER_BYTES - 8) {
    throw new MillraceError(
      'E_BATCH_FORMAT',
      `the header takes ${text.length} bytes, at most ${MAX_HEADER_BYTES - 8} can be read back`,
    )
  }
  const dataStart = 8 + Math.ceil(text.length / 8) * 8
  const bytes = allocate(dataStart + offset)
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, BigInt(dataStart - 8), true)
  bytes.set(text, 8)
  bytes.fill(0x20, 8 + text.length, dataStart)
  let at = dataStart
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes.subarray(0, at)
}

function checkColumn(name: string, column: Column): void {
  if (!COLUMN_NAME.test(name)) {
    throw new MillraceError(
      'E_BATCH_SHAPE',
      `${JSON.stringify(name)} cannot be a column's name (it should match ${COLUMN_NAME})`,
    )
  }
  if (dtypeOf(column.data) !== column.dtype || elementsOf(column.shape) !== column.data.length) {
    const held = `${dtypeOf(column.data)} x ${column.data.length}`
    const claimed = `${column.dtype} [${column.shape.join(', ')}]`
    throw new MillraceError('E_BATCH_SHAPE', `column ${name} says it is ${claimed} but holds ${held}`, { column: name })
  }
}

/**
 * Decodes a batch without copying: its columns are views on `bytes`, which must not be written to while the batch lives
 * (a column whose position is not a multiple of its element size, as a foreign writer may lay it out, is copied).
 * Safe on hostile input: nothing is allocated beyond the header's own size, and nothing is read outside `bytes`.
 *
 * @throws MillraceError E_BATCH_FORMAT saying what is wrong, and at which byte or column
 */
export function decodeBatch(bytes: Uint8Array): SampleBatch {
  const { dataStart, tensors, provenance, notes } = parseHeader(bytes)
  const columns: [string, Column][] = []
  for (const { name, dtype, shape, begin, end } of tensors) {
    const length = (end - begin) / ITEM_BYTES[dtype]
    const at = dataStart + begin
    const byteOffset = bytes.byteOffset + at
    const aligned = byteOffset % ITEM_BYTES[dtype] === 0
    // Not bytes.slice(): a Buffer's would be a view again.
    const data = aligned
      ? viewOf(dtype, bytes.buffer, { byteOffset, length })
      : viewOf(dtype, new Uint8Array(bytes.subarray(at, dataStart + end)).buffer, { byteOffset: 0, length })
    columns.push([name, { dtype, shape, data }])
  }
  return { provenance, columns: Object.fromEntries(columns), notes }
}

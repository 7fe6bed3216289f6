import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnOf } from '../../../shared/batch/columns.ts'
import { decodeBatch, encodeBatch } from '../../../shared/batch/safetensors.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { isMillraceError } from '../../../shared/errors.ts'
import { batches, sampleFragment, withColumns } from './arbitrary.ts'

/** Reads a file as the format's specification says, sharing nothing with the code under test. */
function independently(bytes: Uint8Array) {
  const buffer = Buffer.from(bytes)
  const headerLength = Number(buffer.readBigUInt64LE(0))
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    buffer.toString('utf8', 8, 8 + headerLength),
  )
  const data = buffer.subarray(8 + headerLength)
  const read = {
    F32: (at: number) => data.readFloatLE(at),
    F64: (at: number) => data.readDoubleLE(at),
    I32: (at: number) => data.readInt32LE(at),
    U8: (at: number) => data.readUInt8(at),
  }
  const size = { F32: 4, F64: 8, I32: 4, U8: 1 }
  const { __metadata__: metadata, ...tensors } = header
  const columns = Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      const kind = dtype as keyof typeof size
      const values = Array.from({ length: (end - begin) / size[kind] }, (_, i) => read[kind](begin + i * size[kind]))
      return { name, dtype, shape, begin, end, values }
    },
  )
  return { headerLength, metadata: metadata as unknown as Record<string, string>, columns, dataLength: data.length }
}

/** A file with a header of any text, spaces behind it up to the next multiple of 8. */
function fileOf(header: string | Uint8Array, data = new Uint8Array(0)): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const padded = Math.ceil(text.length / 8) * 8
  const bytes = new Uint8Array(8 + padded + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true)
  bytes.fill(0x20, 8, 8 + padded)
  bytes.set(text, 8)
  bytes.set(data, 8 + padded)
  return bytes
}

const metadata = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({
    millrace: '1',
    run: 'r',
    shard: '0',
    lease: 'l',
    sequence: '0',
    policy_version: '0',
    env_steps: '1',
    ...changes,
  })

const withTensors = (tensors: string, data = new Uint8Array(0)) =>
  fileOf(`{"__metadata__":${metadata()}${tensors}}`, data)

test('any batch comes back as it was, wherever in a buffer it lies, an Uint8Array or a Buffer', () => {
  fc.assert(
    fc.property(batches, fc.nat(9), (batch, shift) => {
      const encoded = encodeBatch(batch)
      const moved = new Uint8Array(encoded.length + shift)
      moved.set(encoded, shift)
      expect(decodeBatch(moved.subarray(shift))).toEqual(batch)
      expect(decodeBatch(Buffer.from(moved.buffer, shift))).toEqual(batch)
    }),
  )
})

test('a reader that knows only the specification sees the same columns, aligned and without gaps, and the metadata', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const { columns, headerLength, metadata: strings, dataLength } = independently(encodeBatch(batch))
      expect(headerLength % 8).toBe(0)
      let position = 0
      for (const { name, dtype, shape, begin, end, values } of columns) {
        const column = batch.columns[name]
        expect({ dtype, shape, values }).toEqual({
          dtype: column?.dtype,
          shape: column?.shape,
          values: Array.from(column?.data ?? []),
        })
        expect(begin).toBe(position)
        expect(begin % (column?.data.BYTES_PER_ELEMENT ?? 0)).toBe(0)
        position = end
      }
      expect(position).toBe(dataLength)
      expect(columns.length).toBe(Object.keys(batch.columns).length)
      expect(strings).toMatchObject({
        millrace: '1',
        run: batch.provenance.run,
        env_steps: String(batch.provenance.envSteps),
      })
      for (const [key, text] of Object.entries(batch.notes)) expect(strings[`note.${key}`]).toBe(text)
    }),
  )
})

test('decoding copies nothing that is aligned: columns are views on the bytes received', () => {
  const bytes = encodeBatch(sampleFragment())
  for (const { data } of Object.values(decodeBatch(bytes).columns)) expect(data.buffer).toBe(bytes.buffer)
})

test('encoding writes into the buffer it is given, and a longer or used one changes nothing', () => {
  const batch = sampleFragment()
  const plain = encodeBatch(batch)
  const used = new Uint8Array(plain.length + 100).fill(0xff)
  const pooled = encodeBatch(batch, () => used)
  expect(pooled.buffer).toBe(used.buffer)
  expect(pooled).toEqual(plain)
})

/** The only two things that decoding may do. */
function decodesOrSaysWhy(bytes: Uint8Array): SampleBatch | undefined {
  try {
    return decodeBatch(bytes)
  } catch (error) {
    if (!isMillraceError(error, 'E_BATCH_FORMAT')) throw error
    expect(error.message).toMatch(/^not a sample batch: ./)
    return undefined
  }
}

test('a batch with any one byte changed is refused with a reason, or is still a batch; it never crashes', () => {
  const bytes = encodeBatch(sampleFragment())
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const broken = bytes.slice()
      broken[at] = (broken[at] ?? 0) ^ change
      const batch = decodesOrSaysWhy(broken)
      if (batch) for (const { data, shape } of Object.values(batch.columns)) columnOf(data, shape)
    }),
    { numRuns: 1500 },
  )
})

test('every beginning of a batch is refused, and so is anything behind its end', () => {
  const bytes = encodeBatch(sampleFragment())
  for (let length = 0; length < bytes.length; length++)
    expect(decodesOrSaysWhy(bytes.subarray(0, length))).toBeUndefined()
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  expect(decodesOrSaysWhy(longer)).toBeUndefined()
})

test('noise is refused, and so is any JSON that is not a header', () => {
  const files = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => fileOf(text)),
  )
  fc.assert(
    fc.property(files, (file) => {
      expect(decodesOrSaysWhy(file)).toBeUndefined()
    }),
  )
})

const tensor = (dtype: unknown, shape: unknown, offsets: unknown) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets })
const deep = '['.repeat(200_000) + ']'.repeat(200_000)

describe('hostile headers are refused, each with its reason', () => {
  test.each<[string, Uint8Array, RegExp]>([
    [
      'a header of 2^63 bytes',
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b),
      /claims to be 9223372036854775808 bytes/,
    ],
    ['a header longer than the limit', Uint8Array.of(1, 0, 0x10, 0, 0, 0, 0, 0), /1048577 bytes, at most 1048576/],
    ['a header longer than the file', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b), /claims 9 bytes, 1 are there/],
    ['no brace first', fileOf(' {}'), /does not start with \{/],
    ['a byte order mark', fileOf('\ufeff{}'), /does not start with \{/],
    ['bytes that are not UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
    ['text that is not JSON', fileOf('{"a":}'), /not JSON/],
    ['no metadata', fileOf('{}'), /no __metadata__/],
    ['metadata that are a list', fileOf('{"__metadata__":[]}'), /no __metadata__/],
    ['no version', fileOf('{"__metadata__":{}}'), /should have millrace, a string, and has nothing/],
    [
      'a later version',
      fileOf(`{"__metadata__":${metadata({ millrace: '2' })}}`),
      /version is "2", this program knows "1"/,
    ],
    ['a number in metadata', fileOf(`{"__metadata__":${metadata({ 'note.x': 3 })}}`), /holds 3 under "note.x"/],
    ['a negative shard', fileOf(`{"__metadata__":${metadata({ shard: '-1' })}}`), /shard "-1"/],
    ['a count past 2^53', fileOf(`{"__metadata__":${metadata({ env_steps: '9007199254740993' })}}`), /env_steps/],
    ['an empty run', fileOf(`{"__metadata__":${metadata({ run: '' })}}`), /should have run/],
    [
      'a column twice',
      withTensors(`,"a":${tensor('U8', [0], [0, 0])},"\\u0061":${tensor('U8', [0], [0, 0])}`),
      /the key "a" twice/,
    ],
    ['a metadata key twice', fileOf(`{"__metadata__":{"millrace":"1","millrace" :"1"}}`), /the key "millrace" twice/],
    ['a column called __proto__', withTensors(`,"__proto__":${tensor('U8', [0], [0, 0])}`), /"__proto__" cannot be/],
    [
      'an unknown dtype',
      withTensors(`,"a":${tensor('BF16', [0], [0, 0])}`),
      /dtype "BF16", known are F64, F32, I32, U8/,
    ],
    ['a dtype of every object', withTensors(`,"a":${tensor('toString', [0], [0, 0])}`), /dtype "toString"/],
    ['a negative size', withTensors(`,"a":${tensor('U8', [-1], [0, 0])}`), /shape \[-1\]/],
    ['a fractional size', withTensors(`,"a":${tensor('U8', [0.5], [0, 0])}`), /shape \[0.5\]/],
    [
      'sizes past any memory',
      withTensors(`,"a":${tensor('F64', Array(8).fill(2 ** 52), [0, 8])}`),
      /does not take the 8 bytes/,
    ],
    ['nine dimensions', withTensors(`,"a":${tensor('U8', Array(9).fill(1), [0, 1])}`), /shape/],
    [
      'offsets that run backwards',
      withTensors(`,"a":${tensor('U8', [1], [1, 0])}`, new Uint8Array(1)),
      /does not take the -1 bytes/,
    ],
    ['three offsets', withTensors(`,"a":${tensor('U8', [1], [0, 1, 1])}`), /data_offsets \[0, 1, 1\]/],
    ['an unknown field', withTensors(`,"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}`), /nothing else/],
    [
      'data past the end',
      withTensors(`,"a":${tensor('U8', [8], [0, 8])}`, new Uint8Array(4)),
      /ends at byte 8 of the data, 4 are there/,
    ],
    [
      'columns that overlap',
      withTensors(`,"a":${tensor('U8', [4], [0, 4])},"b":${tensor('U8', [4], [2, 6])}`, new Uint8Array(6)),
      /column b starts at byte 2 of the data, expected 4/,
    ],
    [
      'a gap',
      withTensors(`,"a":${tensor('U8', [2], [2, 4])}`, new Uint8Array(4)),
      /starts at byte 2 of the data, expected 0/,
    ],
    [
      'bytes behind the last column',
      withTensors(`,"a":${tensor('U8', [2], [0, 2])}`, new Uint8Array(4)),
      /take 2 bytes of data, 4/,
    ],
    ['deep nesting', withTensors(`,"a":${deep}`), /more JSON than is read: more than 8 levels/],
    [
      'deep nesting in metadata',
      fileOf(`{"__metadata__":${metadata().slice(0, -1)},"x":${deep}}}`),
      /more JSON than is read: more than 8 levels/,
    ],
    ['a megabyte of string', withTensors(`,"a":"${'x'.repeat(1_000_000)}"`), /column a should have/],
    [
      'too many columns',
      withTensors(Array.from({ length: 300 }, (_, i) => `,"a${i}":${tensor('U8', [0], [0, 0])}`).join('')),
      /300 columns, at most 256/,
    ],
  ])('%s', (_name, file, reason) => {
    expect(() => decodeBatch(file)).toThrow(
      expect.objectContaining({ code: 'E_BATCH_FORMAT', message: expect.stringMatching(reason) }),
    )
  })
})

test('a file as another writer lays it out (columns in any order, unaligned) is read', () => {
  const data = new Uint8Array(5)
  data[0] = 7
  new DataView(data.buffer).setFloat32(1, 1.5, true)
  const file = withTensors(`, "b": ${tensor('F32', [1], [1, 5])}, "a": ${tensor('U8', [], [0, 1])}`, data)
  const { a, b } = decodeBatch(file).columns
  expect([a?.data, a?.shape, b?.data]).toEqual([Uint8Array.of(7), [], Float32Array.of(1.5)])
})

test('a batch that could not be read back is not written', () => {
  const batch = sampleFragment()
  const shapeError = expect.objectContaining({ code: 'E_BATCH_SHAPE' })
  const formatError = expect.objectContaining({ code: 'E_BATCH_FORMAT' })
  const five = new Float32Array(5)
  expect(() => encodeBatch(withColumns(batch, { x: { dtype: 'F32', shape: [2, 2], data: five } }))).toThrow(shapeError)
  expect(() => encodeBatch(withColumns(batch, { x: { dtype: 'I32', shape: [5], data: five } }))).toThrow(shapeError)
  expect(() => encodeBatch(withColumns(batch, { '"': columnOf(five, [5]) }))).toThrow(shapeError)
  expect(() => encodeBatch({ ...batch, provenance: { ...batch.provenance, shard: -1 } })).toThrow(formatError)
  expect(() => encodeBatch({ ...batch, provenance: { ...batch.provenance, run: '' } })).toThrow(formatError)
  expect(() => encodeBatch({ ...batch, notes: { x: 'y'.repeat(1 << 20) } })).toThrow(formatError)
})

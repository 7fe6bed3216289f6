import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnOf } from '../../../shared/batch/columns.ts'
import { deflate, inflate } from '../../../shared/batch/compress.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import {
  decodeBatch,
  encodeBatch,
  fromMessage,
  openFragment,
  packFragment,
  toMessage,
} from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { MAX_INLINE_BYTES } from '../../../shared/batch/spill.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { type FragmentMessage, parseMessage } from '../../../shared/protocol/message.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { sampleFragment, sizedFragments, withColumns } from './arbitrary.ts'

/** What a function sends, as the learner parses it. */
async function sent(batch: SampleBatch, options: { compress?: boolean; spillAboveBytes?: number } = {}) {
  const store = memoryStore()
  const { message, text } = await toMessage(packFragment(batch, { compress: false, ...options }), store)
  const parsed = parseMessage(text)
  expect(parsed).toEqual(message)
  if (parsed.kind !== 'fragment') throw new Error('not a fragment')
  return { message: parsed, text, store }
}

/** A fragment with about so many bytes of observations, smooth enough to compress or pure noise. */
function large(bytes: number, kind: 'zeros' | 'noise'): SampleBatch {
  const words = new Int32Array(bytes >> 2)
  let state = 1
  if (kind === 'noise')
    for (let i = 0; i < words.length; i++) words[i] = state = (Math.imul(state, 1664525) + 1013904223) ^ (state >>> 7)
  return withColumns(sampleFragment(), { observations: columnOf(words, [words.length]) })
}

const refused = (code: string, message: string | RegExp = '') =>
  expect.objectContaining({
    code,
    message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
  })

test('a fragment arrives as it left, in a message or through the bucket, compressed or not', async () => {
  await fc.assert(
    fc.asyncProperty(
      sizedFragments,
      fc.boolean(),
      fc.constantFrom(0, 1e6),
      async ({ fragment }, compress, spillAboveBytes) => {
        const { message, store } = await sent(fragment, { compress, spillAboveBytes })
        expect(message.body.in).toBe(spillAboveBytes === 0 ? 'bucket' : 'message')
        expect(await openFragment(message, store)).toEqual(fragment)
      },
    ),
    { numRuns: 50 },
  )
})

test('a spilled body is the plain safetensors file, whatever compression was asked for', async () => {
  const batch = large(300_000, 'zeros')
  const { message, store, text } = await sent(batch, { compress: true, spillAboveBytes: 1000 })
  const { run, shard, lease, sequence } = batch.provenance
  expect(message.encoding).toBe('safetensors')
  expect(message.body).toEqual({ in: 'bucket', key: keys.batch(run, shard, lease, sequence) })
  expect(store.objects.get(keys.batch(run, shard, lease, sequence))?.body).toEqual(encodeBatch(batch))
  expect(text.length).toBeLessThan(1000)
})

test('no message is longer than a queue takes: the largest body that stays inline fits, one byte more is spilled', async () => {
  const around = encodeBatch(large(MAX_INLINE_BYTES, 'noise')).length - MAX_INLINE_BYTES
  const largest = large(MAX_INLINE_BYTES - around - 8, 'noise')
  const { message, text } = await sent(largest, { spillAboveBytes: Infinity })
  expect(message.body.in).toBe('message')
  expect(message.bytes).toBeGreaterThan(MAX_INLINE_BYTES - 16)
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1 << 20)
  expect((await sent(large(MAX_INLINE_BYTES, 'noise'), { spillAboveBytes: Infinity })).message.body.in).toBe('bucket')
})

describe('compression is used only where it pays', () => {
  test.each<[string, number, 'zeros' | 'noise', FragmentMessage['encoding']]>([
    ['a body of one chunk can get no cheaper', 20_000, 'zeros', 'safetensors'],
    ['zeros of five chunks become one', 200_000, 'zeros', 'safetensors+deflate'],
    ['noise does not shrink', 200_000, 'noise', 'safetensors'],
  ])('%s', async (_name, bytes, kind, encoding) => {
    const batch = large(bytes, kind)
    const { message, store } = await sent(batch, { compress: true })
    expect(message.encoding).toBe(encoding)
    expect(await openFragment(message, store)).toEqual(batch)
    expect((await sent(batch)).message.encoding).toBe('safetensors')
  })
})

describe('a message and its body must agree', () => {
  test('any one byte of the body changed on its way is seen by the hash', async () => {
    const { message } = await sent(sampleFragment())
    const body = encodeBatch(sampleFragment())
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const broken = body.slice()
        broken[at] = (broken[at] ?? 0) ^ change
        expect(() => fromMessage(message, broken)).toThrow(refused('E_BATCH_HASH', /SHA-256 .* its message promises/))
      }),
    )
    expect(() => fromMessage(message, body.subarray(1))).toThrow(refused('E_BATCH_HASH', 'bytes, its message promises'))
  })

  test.each<[keyof FragmentMessage, string | number]>([
    ['run', 'another'],
    ['shard', 1234],
    ['lease', 'another'],
    ['sequence', 1234],
    ['policyVersion', 1234],
    ['envSteps', 1234],
  ])('a body whose %s is not its message’s is refused', async (field, value) => {
    const { message } = await sent(sampleFragment())
    expect(() => fromMessage({ ...message, [field]: value }, encodeBatch(sampleFragment()))).toThrow(
      refused('E_MESSAGE', `a message says ${field} ${JSON.stringify(value)}, its body`),
    )
  })

  test('a body that is not there, a pointer to something else, and a bucket that failed are told apart', async () => {
    const { message, store } = await sent(sampleFragment(), { spillAboveBytes: 0 })
    if (message.body.in !== 'bucket') throw new Error('not spilled')
    const foreign: FragmentMessage = { ...message, body: { in: 'bucket', key: keys.manifest(message.run) } }
    await expect(openFragment(foreign, store)).rejects.toThrow(refused('E_MESSAGE', 'not the key of its fragment'))
    store.failNext('get')
    await expect(openFragment(message, store)).rejects.toThrow(refused('E_STORE'))
    await store.delete([message.body.key])
    await expect(openFragment(message, store)).rejects.toThrow(refused('E_MESSAGE', 'which is not there'))
  })

  test('a promised hash does not make a batch of what is none', async () => {
    const { message } = await sent(sampleFragment())
    const forged = (body: Uint8Array, encoding: FragmentMessage['encoding']): FragmentMessage => ({
      ...message,
      encoding,
      bytes: body.length,
      sha256: sha256Hex(body),
    })
    const noise = new Uint8Array(64)
    expect(() => fromMessage(forged(noise, 'safetensors'), noise)).toThrow(refused('E_BATCH_FORMAT'))
    expect(() => fromMessage(forged(noise, 'safetensors+deflate'), noise)).toThrow(
      refused('E_BATCH_FORMAT', 'does not inflate'),
    )
    const cut = deflate(encodeBatch(sampleFragment())).slice(0, -4)
    expect(() => fromMessage(forged(cut, 'safetensors+deflate'), cut)).toThrow(
      refused('E_BATCH_FORMAT', 'does not inflate'),
    )
  })
})

test('a body that inflates without end is stopped at the limit', () => {
  const bomb = deflate(new Uint8Array((16 << 20) + 1))
  expect(bomb.length).toBeLessThan(100_000)
  expect(() => inflate(bomb)).toThrow(refused('E_BATCH_FORMAT', 'does not inflate'))
})

test('a pooled buffer may be reused once the message is made', async () => {
  const pool = new Uint8Array(1 << 16)
  const store = memoryStore()
  const batch = sampleFragment()
  for (const spillAboveBytes of [0, 1 << 20]) {
    const packed = packFragment(batch, { compress: false, spillAboveBytes, allocate: () => pool })
    expect(packed.body.buffer).toBe(pool.buffer)
    const { message } = await toMessage(packed, store)
    pool.fill(0xff)
    expect(await openFragment(message, store)).toEqual(batch)
  }
  expect(store.requests).toMatchObject({ put: 1, get: 1 })
})

test('the hash is the one everybody computes', () => {
  expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
  expect(decodeBatch(encodeBatch(sampleFragment()))).toEqual(sampleFragment())
})

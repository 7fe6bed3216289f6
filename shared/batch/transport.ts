import type { ObjectStore } from '../cloud/ports.ts'
import { MillraceError } from '../errors.ts'
import { keys } from '../protocol/keys.ts'
import type { FragmentMessage } from '../protocol/message.ts'
import { deflate, inflate } from './compress.ts'
import { sha256Hex } from './hash.ts'
import { decodeBatch, encodeBatch } from './safetensors.ts'
import type { Provenance, SampleBatch } from './sampleBatch.ts'
import { MAX_INLINE_BYTES, MAX_MESSAGE_BYTES, cheapestSpillAboveBytes, chunksInline, requestsInline } from './spill.ts'

export interface PackOptions {
  /** Compress a body that travels in a message where that pays. */
  readonly compress: boolean
  /** Bodies over this many encoded bytes go to the bucket; so does what no message can hold. Default: where the bucket is cheaper. */
  readonly spillAboveBytes?: number
  /** As of `encodeBatch`. The buffer may be used again once `toMessage` has resolved. */
  readonly allocate?: (bytes: number) => Uint8Array
}

/** A fragment encoded for its way, with everything its message will say of it. */
export interface PackedFragment {
  readonly provenance: Provenance
  readonly in: 'message' | 'bucket'
  readonly encoding: FragmentMessage['encoding']
  readonly body: Uint8Array
  readonly sha256: string
}

/** The part of a message's price that compression must save. Below it, it is not worth the sampler's time. */
const WORTH_COMPRESSING = 0.2

/**
 * Encodes a fragment and decides how it travels. A body for the bucket is never compressed, so that it opens in Python as it is;
 * one for a message is deflated when that saves at least a fifth of the message's SQS requests.
 *
 * @throws MillraceError E_BATCH_SHAPE, E_BATCH_FORMAT as `encodeBatch`
 */
export function packFragment(batch: SampleBatch, options: PackOptions): PackedFragment {
  const spillAbove = Math.min(options.spillAboveBytes ?? cheapestSpillAboveBytes(), MAX_INLINE_BYTES)
  const plain = encodeBatch(batch, options.allocate)
  const spilled = plain.length > spillAbove
  const compressed = options.compress && !spilled ? compressIfWorth(plain) : undefined
  const body = compressed ?? plain
  return {
    provenance: batch.provenance,
    in: spilled ? 'bucket' : 'message',
    encoding: compressed ? 'safetensors+deflate' : 'safetensors',
    body,
    sha256: sha256Hex(body),
  }
}

function compressIfWorth(plain: Uint8Array): Uint8Array | undefined {
  const before = requestsInline(chunksInline(plain.length))
  if (before === requestsInline(1)) return undefined // nothing is cheaper than one chunk
  const compressed = deflate(plain)
  const after = requestsInline(chunksInline(compressed.length))
  return after <= before * (1 - WORTH_COMPRESSING) ? compressed : undefined
}

export interface OutgoingFragment {
  readonly message: FragmentMessage
  /** The message as the queue takes it; ASCII but for the names in it. */
  readonly text: string
}

/**
 * Makes the message of a packed fragment; a body for the bucket is written first, so that no message ever points at nothing.
 *
 * @param token of the lease, which the learner asks for
 * @throws MillraceError E_STORE; E_MESSAGE when names make the message longer than a queue takes
 */
export async function toMessage(packed: PackedFragment, store: ObjectStore, token?: string): Promise<OutgoingFragment> {
  const { run, shard, lease, sequence, policyVersion, envSteps } = packed.provenance
  const { encoding, sha256, body: bytes } = packed
  const head = {
    kind: 'fragment',
    format: 1,
    run,
    shard,
    lease,
    ...(token !== undefined && { token }),
    sequence,
    policyVersion,
    envSteps,
    sha256,
    bytes: bytes.length,
    encoding,
  } as const
  if (packed.in === 'bucket') {
    const body = { in: 'bucket', key: keys.batch(run, shard, lease, sequence) } as const
    await store.put(body.key, bytes)
    const message = { ...head, body }
    return { message, text: JSON.stringify(message) }
  }
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
  const message = { ...head, body: { in: 'message', base64 } as const }
  // Base64 needs no escapes, and looking for them in it takes longer than encoding the batch did.
  const text = `${JSON.stringify(head).slice(0, -1)},"body":{"in":"message","base64":"${base64}"}}`
  if (text.length > MAX_MESSAGE_BYTES) {
    throw new MillraceError('E_MESSAGE', `the message is ${text.length} bytes, a queue takes ${MAX_MESSAGE_BYTES}`, {
      run,
      shard,
      lease,
    })
  }
  return { message, text }
}

/**
 * The fragment a message brings, its body read from the bucket if it lies there. Columns are views on the body.
 *
 * @throws MillraceError E_MESSAGE when message and body disagree or the body is not there, E_BATCH_HASH when it was damaged on
 *   its way, E_BATCH_FORMAT when it is no batch, E_STORE when the bucket failed (the only one that is worth another try)
 */
export async function openFragment(
  message: FragmentMessage,
  store: ObjectStore,
  signal?: AbortSignal,
): Promise<SampleBatch> {
  if (message.body.in === 'message') return fromMessage(message, Buffer.from(message.body.base64, 'base64'))
  const { run, shard, lease, sequence, body } = message
  const where = { run, shard, lease, sequence }
  // A pointer elsewhere could make the learner read (and later delete) what is not a batch.
  if (body.key !== keys.batch(run, shard, lease, sequence)) {
    throw new MillraceError('E_MESSAGE', `a message points at ${body.key}, which is not the key of its fragment`, where)
  }
  const read = await store.get(body.key, signal ? { signal } : {})
  if (read.kind !== 'found')
    throw new MillraceError('E_MESSAGE', `a message points at ${body.key}, which is not there`, where)
  return fromMessage(message, read.body)
}

/**
 * The same with the body at hand: checks length and hash before anything reads the body, then decodes, then compares provenance.
 *
 * @throws MillraceError E_BATCH_HASH, E_BATCH_FORMAT, E_MESSAGE
 */
export function fromMessage(message: FragmentMessage, body: Uint8Array): SampleBatch {
  const { run, shard, lease, sequence } = message
  const where = { run, shard, lease, sequence }
  if (body.length !== message.bytes) {
    throw new MillraceError(
      'E_BATCH_HASH',
      `a body has ${body.length} bytes, its message promises ${message.bytes}`,
      where,
    )
  }
  const sha256 = sha256Hex(body)
  if (sha256 !== message.sha256) {
    throw new MillraceError(
      'E_BATCH_HASH',
      `a body has SHA-256 ${sha256}, its message promises ${message.sha256}`,
      where,
    )
  }
  const batch = decodeBatch(message.encoding === 'safetensors' ? body : inflate(body))
  for (const field of ['run', 'shard', 'lease', 'sequence', 'policyVersion', 'envSteps'] as const) {
    if (batch.provenance[field] === message[field]) continue
    const [inBody, inMessage] = [batch.provenance[field], message[field]].map((value) => JSON.stringify(value))
    throw new MillraceError('E_MESSAGE', `a message says ${field} ${inMessage}, its body ${inBody}`, where)
  }
  return batch
}

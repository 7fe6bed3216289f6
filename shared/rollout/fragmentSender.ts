import { packFragment, toMessage } from '../batch/index.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import { SQS_CHUNK_BYTES } from '../batch/spill.ts'
import type { BatchQueue, ObjectStore } from '../cloud/ports.ts'
import type { Lease } from '../protocol/lease.ts'

/** Encodes fragments and sends them, through the queue alone or through the bucket; counts the requests it makes. */
export class FragmentSender {
  readonly requests = { s3Put: 0, sqs: 0 }
  private readonly lease: Lease
  private readonly store: ObjectStore
  private readonly queue: BatchQueue
  private readonly spare: Uint8Array[] = []

  constructor(lease: Lease, { store, queue }: { readonly store: ObjectStore; readonly queue: BatchQueue }) {
    this.lease = lease
    this.store = store
    this.queue = queue
  }

  /** Several may be on their way at once. @throws MillraceError E_STORE, E_QUEUE, E_BATCH_SHAPE */
  async send(batch: SampleBatch): Promise<void> {
    let buffer: Uint8Array | undefined
    const allocate = (bytes: number): Uint8Array => {
      const spare = this.spare.pop()
      buffer = spare && spare.length >= bytes ? spare : new Uint8Array(bytes + (bytes >> 2))
      return buffer
    }
    const { compress, spillAboveBytes, token } = this.lease
    const packed = packFragment(batch, { compress, spillAboveBytes, allocate })
    const { text } = await toMessage(packed, this.store, token)
    if (buffer) this.spare.push(buffer)
    if (packed.in === 'bucket') this.requests.s3Put++
    this.requests.sqs += Math.ceil(text.length / SQS_CHUNK_BYTES)
    await this.queue.send(text)
  }
}

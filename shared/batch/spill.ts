import { type PriceBook, US_EAST_1 } from '../cost/priceBook.ts'

/** USD per request and per stored GB-month. */
export interface TransportPrices {
  /** Every 64 KiB of a payload, in every API call. */
  readonly sqsRequest: number
  readonly s3Put: number
  readonly s3Get: number
  readonly s3GbMonth: number
  /** How long a spilled body stays in the bucket. The learner deletes it when it was consumed (deleting is free). */
  readonly storedDays: number
}

/** The part of a price book that moving a fragment touches, bodies being stored for an hour. */
export function transportPrices({ sqsRequest, s3Write, s3Read }: PriceBook): TransportPrices {
  return { sqsRequest: sqsRequest.usd, s3Put: s3Write.usd, s3Get: s3Read.usd, s3GbMonth: 0.023, storedDays: 1 / 24 }
}

export const TRANSPORT_PRICES: TransportPrices = transportPrices(US_EAST_1)

/** The longest message SQS takes (1 MiB), and the piece of one that is billed as a request. */
export const MAX_MESSAGE_BYTES = 1 << 20
export const SQS_CHUNK_BYTES = 64 << 10

/** Kept free for the rest of the message (ids, hash: 300 to 400 bytes with names of usual length). */
const ENVELOPE_BYTES = 1024

/** The largest body whose base64 fits into one message. */
export const MAX_INLINE_BYTES = bodyBytesWithin(MAX_MESSAGE_BYTES)

/** 64 KiB chunks of a message that carries a body of so many bytes as base64. */
export function chunksInline(bodyBytes: number): number {
  return Math.ceil((ENVELOPE_BYTES + 4 * Math.ceil(bodyBytes / 3)) / SQS_CHUNK_BYTES)
}

/** SQS requests of one inline message of c chunks: send (c), receive (c), delete (1). */
export function requestsInline(chunks: number): number {
  return 2 * chunks + 1
}

/** USD to move one body inside a message. */
export function usdInline(bodyBytes: number, prices: TransportPrices = TRANSPORT_PRICES): number {
  return requestsInline(chunksInline(bodyBytes)) * prices.sqsRequest
}

/** USD to move one body through the bucket: a write, a read, storage, and a message of one chunk that points at it. */
export function usdSpilled(bodyBytes: number, prices: TransportPrices = TRANSPORT_PRICES): number {
  const stored = (bodyBytes / 1e9) * prices.s3GbMonth * (prices.storedDays / 30)
  return prices.s3Put + prices.s3Get + stored + requestsInline(1) * prices.sqsRequest
}

/**
 * The body size in bytes above which the bucket is cheaper than the message: the default of a lease's `spillAboveBytes`.
 *
 * With the default prices a spilled body costs 5.0 + 0.4 + 3 x 0.4 = 6.6 USD per million (storage for an hour adds 0.01),
 * an inline one (2c + 1) x 0.4: for c = 7 chunks 6.0, for c = 8 6.8. So bodies whose message takes at most 7 chunks
 * (458,752 bytes of message, 343,296 of body) travel inline.
 *
 * This counts requests sent one at a time. It leaves out computing time, where the bucket wins (measured with the AWS SDK:
 * 7 ms of CPU per MB through S3, 40 through SQS as base64; at 2.3e-5 USD per second that moves no break-even by a chunk): a
 * run that wants speed rather than the lowest price sets `spillAboveBytes` lower, down to 0.
 */
export function cheapestSpillAboveBytes(prices: TransportPrices = TRANSPORT_PRICES): number {
  for (let chunks = MAX_MESSAGE_BYTES / SQS_CHUNK_BYTES; chunks > 0; chunks--) {
    const bytes = bodyBytesWithin(chunks * SQS_CHUNK_BYTES)
    if (usdInline(bytes, prices) <= usdSpilled(bytes, prices)) return bytes
  }
  return 0
}

function bodyBytesWithin(messageBytes: number): number {
  return Math.floor((messageBytes - ENVELOPE_BYTES) / 4) * 3
}

import type { IncomingMessage } from 'node:http'
import { AwsError } from './awsError.ts'

/** What goes wrong while a request comes in: the caller hung up. There is nobody left to answer. */
export class HungUp extends Error {
  override readonly name = 'HungUp'
}

/** Past every request of every service but an upload: a batch of SQS whose characters are all escaped has 6 MiB. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024
/** A buffer of the announced length is made at once up to here; past it memory is taken as the bytes come. */
const MAX_AT_ONCE = 64 * 1024 * 1024

const kept = new WeakMap<IncomingMessage, Promise<Buffer>>()

/** Reads the body ahead, where it is needed before its service reads it. @throws as `readBody` */
export function keepBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const body = readBody(request, maxBytes)
  kept.set(request, body)
  return body
}

/**
 * The whole body. One that comes in several chunks is copied once, into a buffer of the announced length;
 * one that comes in a single chunk is not copied. The buffer is the caller's to keep.
 *
 * @throws HungUp when the connection closes first
 * @throws AwsError EntityTooLarge (413), before any memory is taken for an announced length, and at the byte that is too many else
 */
export function readBody(request: IncomingMessage, maxBytes = MAX_REQUEST_BYTES): Promise<Buffer> {
  const ahead = kept.get(request)
  if (ahead !== undefined) return ahead
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (length === undefined && encoding === undefined) return EMPTY
  const announced = Number(length ?? -1)
  if (announced === 0) return EMPTY
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    let whole: Buffer | undefined
    let chunks: Buffer[] | undefined
    let received = 0
    const take = (chunk: Buffer) => {
      if (received + chunk.length > maxBytes) {
        request.off('data', take)
        return reject(tooLarge(maxBytes))
      }
      if (chunk.length === announced) whole = chunk
      else if (announced > 0 && announced <= MAX_AT_ONCE) {
        whole ??= Buffer.allocUnsafeSlow(announced)
        chunk.copy(whole, received)
      } else (chunks ??= []).push(chunk)
      received += chunk.length
    }
    request.on('data', take)
    request.on('end', () => resolve(whole ?? (chunks === undefined ? NOTHING : Buffer.concat(chunks))))
    request.on('error', () => reject(new HungUp('the caller hung up')))
    request.on('close', () => {
      if (!request.complete) reject(new HungUp('the caller hung up'))
    })
  })
}

const NOTHING = Buffer.alloc(0)
const EMPTY = Promise.resolve(NOTHING)

const tooLarge = (maxBytes: number) =>
  new AwsError(413, 'EntityTooLarge', `The request is larger than the ${maxBytes} bytes that are allowed here.`)

/** @throws AwsError EntityTooLarge (413) where more is announced */
export function checkLength({ headers }: IncomingMessage, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

/** Will all of this request's body be read, or thrown away, with no harm done? Not of one without a length, or with too great a one. */
export function isBounded({ headers }: IncomingMessage, maxBytes: number): boolean {
  const length = headers['content-length']
  return length === undefined ? headers['transfer-encoding'] === undefined : Number(length) <= maxBytes
}

const salt = Date.now().toString(16).toUpperCase().padStart(12, '0')
let requests = 0

/** An id of a request, unique within the process. */
export function requestId(): string {
  return salt + (++requests).toString(16).toUpperCase().padStart(8, '0')
}

/** One header's value; of a header that came several times, the first. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

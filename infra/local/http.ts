import type { IncomingMessage } from 'node:http'

/** What goes wrong while a request comes in: the caller hung up. There is nobody left to answer. */
export class HungUp extends Error {
  override readonly name = 'HungUp'
}

/**
 * The whole body. One that comes in several chunks is copied once, into a buffer of the announced length;
 * one that comes in a single chunk is not copied. The buffer is the caller's to keep.
 * @throws HungUp when the connection closes first
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? -1)
  if (announced === 0) return Promise.resolve(EMPTY)
  return new Promise((resolve, reject) => {
    let whole: Buffer | undefined
    let chunks: Buffer[] | undefined
    let received = 0
    request.on('data', (chunk: Buffer) => {
      if (chunk.length === announced) whole = chunk
      else if (announced > 0) {
        whole ??= Buffer.allocUnsafeSlow(announced)
        chunk.copy(whole, received)
      } else (chunks ??= []).push(chunk)
      received += chunk.length
    })
    request.on('end', () => resolve(whole ?? (chunks === undefined ? EMPTY : Buffer.concat(chunks))))
    request.on('error', () => reject(new HungUp('the caller hung up')))
    request.on('close', () => {
      if (!request.complete) reject(new HungUp('the caller hung up'))
    })
  })
}

const EMPTY = Buffer.alloc(0)

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

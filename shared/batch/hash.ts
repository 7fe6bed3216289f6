import { hash } from 'node:crypto'

/**
 * SHA-256 of bytes in hex. The only hash of the batch folder; with compress.ts, transport.ts and record.ts it is what needs Node
 * there (the codec, the checks and concat run in a browser too, whose SHA-256 is asynchronous).
 */
export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { crc32 } from 'node:zlib'
import { AwsError } from '../awsError.ts'

/** A checksum that came with a body and was verified; S3 gives it back on request. */
export interface Checksum {
  readonly algorithm: Algorithm
  /** Base64 of the big-endian bytes. */
  readonly value: string
}

type Algorithm = keyof typeof ALGORITHMS

const ALGORITHMS = {
  crc32: (body: Uint8Array) => base64Of(crc32(body)),
  crc32c: (body: Uint8Array) => base64Of(crc32c(body)),
  sha1: (body: Uint8Array) => createHash('sha1').update(body).digest('base64'),
  sha256: (body: Uint8Array) => createHash('sha256').update(body).digest('base64'),
}
const NAMES = Object.keys(ALGORITHMS) as Algorithm[]

/**
 * Verifies Content-MD5 and the x-amz-checksum-… of a body, from its headers or its trailer.
 * @param md5 hex MD5 of the body, where the caller has it already
 * @throws AwsError BadDigest, InvalidRequest for an algorithm that is not known here
 */
export function verifyChecksums(body: Uint8Array, headers: IncomingHttpHeaders, md5?: string): Checksum | undefined {
  const contentMd5 = headers['content-md5']
  if (contentMd5 !== undefined) {
    const actual = md5 ?? createHash('md5').update(body).digest('hex')
    if (Buffer.from(String(contentMd5), 'base64').toString('hex') !== actual) {
      throw new AwsError(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.')
    }
  }
  for (const algorithm of NAMES) {
    const promised = headers[`x-amz-checksum-${algorithm}`]
    if (promised === undefined) continue
    const value = ALGORITHMS[algorithm](body)
    if (value === promised) return { algorithm, value }
    throw new AwsError(
      400,
      'BadDigest',
      `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    )
  }
  if (headers['x-amz-checksum-crc64nvme'] !== undefined) {
    throw new AwsError(400, 'InvalidRequest', 'CRC64NVME is not known here: use CRC32, CRC32C, SHA1 or SHA256.')
  }
  return undefined
}

/**
 * The body inside an aws-chunked stream (`size[;signature]\r\n data \r\n … 0\r\n trailer\r\n\r\n`) and its trailing headers.
 * @throws AwsError IncompleteBody
 */
export function decodeAwsChunked(
  stream: Buffer,
  decodedLength: number,
): { body: Buffer; trailer: Record<string, string> } {
  // What is inside is shorter than what came: a length that says otherwise takes no memory.
  if (!(Number.isInteger(decodedLength) && decodedLength >= 0 && decodedLength <= stream.length)) throw incomplete()
  const body = Buffer.allocUnsafeSlow(decodedLength)
  let filled = 0
  let at = 0
  for (;;) {
    const lineEnd = stream.indexOf('\r\n', at)
    const size = Number.parseInt(stream.toString('latin1', at, lineEnd < 0 ? at : lineEnd), 16)
    if (!(size >= 0) || filled + size > decodedLength) throw incomplete()
    at = lineEnd + 2
    if (size === 0) break
    if (at + size > stream.length) throw incomplete()
    filled += stream.copy(body, filled, at, at + size)
    at += size + 2
  }
  if (filled !== decodedLength) throw incomplete()
  const trailer: Record<string, string> = {}
  for (const line of stream.toString('latin1', at).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) trailer[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { body, trailer }
}

const incomplete = () => new AwsError(400, 'IncompleteBody', 'The request body terminated unexpectedly.')

function base64Of(crc: number): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(crc >>> 0)
  return bytes.toString('base64')
}

/** Castagnoli's polynomial, reflected: 0x82f63b78. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(body: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < body.length; i++) crc = (crc >>> 8) ^ (CRC32C_TABLE[(crc ^ (body[i] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}

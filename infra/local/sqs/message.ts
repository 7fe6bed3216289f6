import { createHash } from 'node:crypto'
import { AwsError } from '../awsError.ts'

/** A message attribute as it travels: binary values are base64. */
export interface MessageAttribute {
  readonly DataType: string
  readonly StringValue?: string
  readonly BinaryValue?: string
}
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>

/** What a sender hands over. */
export interface Outgoing {
  readonly body: string
  readonly attributes?: MessageAttributes | undefined
  /** Seconds, 0 … 900; without it the queue's own. */
  readonly delaySeconds?: number | undefined
}

/** A message in a queue. `at` is its place among the hidden ones, -1 while it is visible or gone. */
export interface Message {
  readonly id: string
  readonly body: string
  readonly md5: string
  readonly attributes: MessageAttributes
  readonly sentAt: number
  /** The ARN of the queue it came from, in a dead-letter queue. */
  readonly source?: string | undefined
  firstReceivedAt: number | undefined
  receiveCount: number
  /** Milliseconds since the epoch. */
  visibleAt: number
  inFlight: boolean
  at: number
}

/** Bytes that count against the limit: the body and every attribute's name, type and value. */
export function sizeOf({ body, attributes = {} }: Outgoing): number {
  let bytes = Buffer.byteLength(body)
  for (const name in attributes) {
    const attribute = attributes[name]
    if (attribute === undefined) continue
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType) + bytesOf(attribute).length
  }
  return bytes
}

// oxlint-disable-next-line no-control-regex -- these are the characters that SQS refuses
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/
const DATA_TYPE = /^(String|Number|Binary)(\.[\w.-]+)?$/

/** @throws AwsError MissingParameter, InvalidMessageContents, InvalidParameterValue */
export function checkOutgoing({ body, attributes = {} }: Outgoing): void {
  if (body === '') throw new AwsError(400, 'MissingParameter', 'The request must contain the parameter MessageBody.')
  if (CONTROL.test(body))
    throw new AwsError(400, 'InvalidMessageContents', 'The message contains characters outside the allowed set.')
  const names = Object.keys(attributes)
  if (names.length > 10)
    throw invalid(`Number of message attributes [${names.length}] exceeds the allowed maximum [10].`)
  for (const name of names) {
    const attribute = attributes[name]
    if (!/^[\w.-]{1,256}$/.test(name)) throw invalid(`Invalid message attribute name '${name}'.`)
    if (!DATA_TYPE.test(attribute?.DataType ?? ''))
      throw invalid(`The type of message (user) attribute '${name}' is invalid.`)
    const value = attribute?.DataType.startsWith('Binary') ? attribute.BinaryValue : attribute?.StringValue
    if (value === undefined || value === '') {
      throw invalid(`The message (user) attribute '${name}' must contain a non-empty value of its type.`)
    }
  }
}

const invalid = (message: string) => new AwsError(400, 'InvalidParameterValue', message)

export const md5Hex = (text: string) => createHash('md5').update(text).digest('hex')

/**
 * MD5 of message attributes as the SQS developer guide defines it: by name; of each the length-prefixed (32 bits, big-endian)
 * name and type, a byte for the transport type (1 string, 2 binary), the length-prefixed value.
 */
export function md5OfAttributes(attributes: MessageAttributes): string {
  const hash = createHash('md5')
  const field = (bytes: Buffer) => {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  for (const name of Object.keys(attributes).sort()) {
    const attribute = attributes[name]
    if (attribute === undefined) continue
    field(Buffer.from(name))
    field(Buffer.from(attribute.DataType))
    hash.update(isBinary(attribute) ? BINARY : STRING)
    field(bytesOf(attribute))
  }
  return hash.digest('hex')
}

const STRING = Uint8Array.of(1)
const BINARY = Uint8Array.of(2)

const isBinary = (attribute: MessageAttribute) => attribute.DataType.startsWith('Binary')

const bytesOf = (attribute: MessageAttribute) =>
  isBinary(attribute) ? Buffer.from(attribute.BinaryValue ?? '', 'base64') : Buffer.from(attribute.StringValue ?? '')

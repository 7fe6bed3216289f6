import { type JsonLimits, parseJson } from '../../../shared/protocol/parseJson.ts'
import { AwsError } from '../awsError.ts'
import type { Attributes } from './attributes.ts'
import type { MessageAttribute, MessageAttributes, Outgoing } from './message.ts'

/** A batch of ten messages, of which each character may be an escape of six. */
const INPUT_LIMITS: JsonLimits = { characters: 8 << 20, depth: 16, values: 20_000 }

/** The JSON of a request, read field by field: what a client sends is unknown until here. */
export type Input = Readonly<Record<string, unknown>>

/** @throws AwsError SerializationException */
export function parseInput(body: Buffer): Input {
  try {
    const input = parseJson(body.toString('utf8'), INPUT_LIMITS)
    if (isRecord(input)) return input
  } catch {
    // falls through to the one answer for everything that is not a JSON object
  }
  throw new AwsError(400, 'SerializationException', 'The request is not a JSON object.')
}

/** @throws AwsError MissingParameter, SerializationException */
export function text(input: Input, name: string): string {
  const value = input[name]
  if (typeof value === 'string') return value
  if (value === undefined)
    throw new AwsError(400, 'MissingParameter', `The request must contain the parameter ${name}.`)
  throw new AwsError(400, 'SerializationException', `${name} is not a string.`)
}

/** An integer within its range, or undefined when it is not there. @throws AwsError InvalidParameterValue */
export function integer(input: Input, name: string, range: readonly [number, number]): number | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  const [min, max] = range
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const why = `Reason: Must be >= ${min} and <= ${max}, if provided.`
  throw new AwsError(400, 'InvalidParameterValue', `Value ${shown(value)} for parameter ${name} is invalid. ${why}`)
}

export function stringMap(input: Input, name: string): Attributes {
  const value = input[name] ?? {}
  if (!isRecord(value)) throw new AwsError(400, 'SerializationException', `${name} is not an object.`)
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      if (isScalar(entry)) return [key, String(entry)]
      throw new AwsError(400, 'SerializationException', `${name} holds more than text.`)
    }),
  )
}

export function stringList(input: Input, name: string): readonly string[] {
  const value = input[name]
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}

/** A message as SendMessage and an entry of SendMessageBatch carry it. */
export function outgoing(input: Input): Outgoing {
  const attributes = input['MessageAttributes']
  return {
    body: text(input, 'MessageBody'),
    attributes: isRecord(attributes) && Object.keys(attributes).length > 0 ? attributesOf(attributes) : undefined,
    delaySeconds: integer(input, 'DelaySeconds', [0, 900]),
  }
}

/**
 * The entries of a batch request: 1 to 10, each with an id of its own.
 * @throws AwsError EmptyBatchRequest, TooManyEntriesInBatchRequest, InvalidBatchEntryId, BatchEntryIdsNotDistinct
 */
export function batchEntries(input: Input): readonly Input[] {
  const list: unknown = input['Entries']
  const entries = Array.isArray(list) ? list.filter(isRecord) : []
  if (entries.length === 0)
    throw new AwsError(400, 'EmptyBatchRequest', 'There should be at least one entry in the request.')
  if (entries.length > 10) {
    throw new AwsError(
      400,
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    )
  }
  const ids = entries.map((entry) => text(entry, 'Id'))
  if (ids.some((id) => !/^[\w-]{1,80}$/.test(id))) {
    throw new AwsError(
      400,
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    )
  }
  if (new Set(ids).size < ids.length)
    throw new AwsError(400, 'BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.')
  return entries
}

function attributesOf(record: Input): MessageAttributes {
  const attributes: Record<string, MessageAttribute> = {}
  for (const [name, value] of Object.entries(record)) {
    if (!isRecord(value)) continue
    const { DataType, StringValue, BinaryValue } = value
    attributes[name] = {
      DataType: typeof DataType === 'string' ? DataType : '',
      ...(typeof StringValue === 'string' && { StringValue }),
      ...(typeof BinaryValue === 'string' && { BinaryValue }),
    }
  }
  return attributes
}

/** A value in an error's sentence, cut short. */
const shown = (value: unknown): string => (isScalar(value) ? String(value).slice(0, 60) : 'of another kind')

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

function isRecord(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

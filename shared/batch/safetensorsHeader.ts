import { MillraceError } from '../errors.ts'
import { parseJson as parseBounded, whyNoJson } from '../protocol/parseJson.ts'
import { ITEM_BYTES, elementsOf } from './columns.ts'
import type { DType, Provenance, SampleBatch } from './sampleBatch.ts'

/** The version of the metadata and columns written here; kept in the metadata under `millrace`. */
export const FORMAT_VERSION = '1'
/** Limits of what is decoded. They bound the work a hostile header can cause; real headers take 1 to 2 KB. */
export const MAX_HEADER_BYTES = 1 << 20
export const MAX_COLUMNS = 256
const MAX_RANK = 8
/** A header is three levels deep; the values of 256 columns and any notes. */
const HEADER_LIMITS = { characters: MAX_HEADER_BYTES, depth: 8, values: 20_000 }

/** What a column may be called. A letter first keeps `__metadata__` and `__proto__` out. */
export const COLUMN_NAME = /^[A-Za-z][A-Za-z0-9_./-]{0,127}$/

const NOTE = 'note.'
const WHITESPACE: ReadonlySet<string | undefined> = new Set([' ', '\t', '\n', '\r'])
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Metadata keys in snake case, as the columns are named; the fields they hold in camel case. */
const PROVENANCE = [
  ['run', 'run'],
  ['shard', 'shard'],
  ['lease', 'lease'],
  ['sequence', 'sequence'],
  ['policy_version', 'policyVersion'],
  ['env_steps', 'envSteps'],
] as const

export interface Tensor {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Bytes from the start of the data. */
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly dataStart: number
  /** In the order of their data. */
  readonly tensors: readonly Tensor[]
  readonly provenance: Provenance
  readonly notes: Readonly<Record<string, string>>
}

/**
 * The JSON of `__metadata__`: the format version, the provenance, and each note under `note.<key>`.
 * @throws MillraceError E_BATCH_FORMAT when the provenance could not be read back
 */
export function encodeMetadata({ provenance, notes }: SampleBatch): string {
  const metadata: Record<string, string> = { millrace: FORMAT_VERSION }
  for (const [key, field] of PROVENANCE) {
    const value = provenance[field]
    if (typeof value === 'string' ? value === '' : !Number.isSafeInteger(value) || value < 0) {
      throw broken(`its provenance has ${field} ${show(value)}`)
    }
    metadata[key] = String(value)
  }
  for (const [key, text] of Object.entries(notes)) metadata[NOTE + key] = text
  return JSON.stringify(metadata)
}

/** @throws MillraceError E_BATCH_FORMAT */
export function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length < 8) throw broken(`it is ${bytes.length} bytes, shorter than the 8 of the header's length`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  const length = view.getUint32(0, true)
  if (view.getUint32(4, true) !== 0 || length > MAX_HEADER_BYTES) {
    throw broken(`its header claims to be ${view.getBigUint64(0, true)} bytes, at most ${MAX_HEADER_BYTES} are read`, 0)
  }
  const dataStart = 8 + length
  if (dataStart > bytes.length) throw broken(`its header claims ${length} bytes, ${bytes.length - 8} are there`, 0)
  const header = parseJson(bytes.subarray(8, dataStart))
  const metadata = parseMetadata(header['__metadata__'])
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  if (names.length > MAX_COLUMNS) throw broken(`it has ${names.length} columns, at most ${MAX_COLUMNS} are read`)
  const tensors = names.map((name) => parseTensor(name, header[name]))
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkLayout(tensors, bytes.length - dataStart)
  return { dataStart, tensors, ...metadata }
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  // As the reference implementation: the header starts with an opening brace; spaces may follow the closing one.
  if (bytes[0] !== 0x7b) throw broken('its header does not start with {', 8)
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (cause) {
    throw broken('its header is not UTF-8', 8, cause)
  }
  let header: unknown
  try {
    header = parseBounded(text, HEADER_LIMITS)
  } catch (cause) {
    throw broken(`its header ${whyNoJson(cause)}`, 8, cause)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) throw broken(`its header has the key ${show(twice)} twice`)
  return header as Record<string, unknown>
}

/** A key that one object of valid JSON holds twice: JSON.parse keeps the last one silently, other readers the first. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '{') open.push(new Set())
    else if (char === '}') open.pop()
    if (char !== '"') continue
    const start = i++
    while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
    let after = i + 1
    while (WHITESPACE.has(json[after])) after++
    if (json[after] !== ':') continue
    const key: string = JSON.parse(json.slice(start, i + 1))
    const seen = open.at(-1)
    if (seen?.has(key)) return key
    seen?.add(key)
  }
  return undefined
}

function parseMetadata(value: unknown): Pick<Header, 'provenance' | 'notes'> {
  if (!isObject(value)) throw broken('its header has no __metadata__, so it was not written by Millrace')
  const read = (key: string): string => {
    const text = Object.hasOwn(value, key) ? value[key] : undefined
    if (typeof text !== 'string' || text === '')
      throw broken(`its metadata should have ${key}, a string, and has ${show(text)}`)
    return text
  }
  const count = (key: string): number => {
    const text = read(key)
    if (!/^(0|[1-9][0-9]{0,15})$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw broken(`its metadata has ${key} ${show(text)}, which should be a whole number`)
    }
    return Number(text)
  }
  const version = read('millrace')
  if (version !== FORMAT_VERSION)
    throw broken(`its format version is ${show(version)}, this program knows "${FORMAT_VERSION}"`)
  const notes: [string, string][] = []
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw broken(`its metadata holds ${show(text)} under ${show(key)}, only strings are allowed`)
    if (key.startsWith(NOTE)) notes.push([key.slice(NOTE.length), text])
  }
  const provenance = {
    run: read('run'),
    shard: count('shard'),
    lease: read('lease'),
    sequence: count('sequence'),
    policyVersion: count('policy_version'),
    envSteps: count('env_steps'),
  }
  return { provenance, notes: Object.fromEntries(notes) }
}

function parseTensor(name: string, value: unknown): Tensor {
  if (!COLUMN_NAME.test(name)) throw broken(`${show(name)} cannot be a column's name`)
  if (!isObject(value) || Object.keys(value).length !== 3) {
    throw broken(`column ${name} should have dtype, shape and data_offsets and nothing else, and has ${show(value)}`)
  }
  const { dtype, shape, data_offsets: offsets } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown }
  if (typeof dtype !== 'string' || !isDType(dtype)) {
    throw broken(`column ${name} has dtype ${show(dtype)}, known are ${Object.keys(ITEM_BYTES).join(', ')}`)
  }
  if (!isCounts(shape) || shape.length > MAX_RANK) throw broken(`column ${name} has shape ${show(shape)}`)
  if (!isCounts(offsets) || offsets.length !== 2) throw broken(`column ${name} has data_offsets ${show(offsets)}`)
  const [begin = 0, end = 0] = offsets
  if (end - begin !== elementsOf(shape) * ITEM_BYTES[dtype]) {
    throw broken(`column ${name}, ${dtype} ${show(shape)}, does not take the ${end - begin} bytes of its data_offsets`)
  }
  return { name, dtype, shape, begin, end }
}

/** The layout has no gaps, no overlaps and nothing behind the last column, so that no byte can hide. */
function checkLayout(tensors: readonly Tensor[], dataBytes: number): void {
  let expected = 0
  for (const { name, begin, end } of tensors) {
    if (begin !== expected) throw broken(`column ${name} starts at byte ${begin} of the data, expected ${expected}`)
    if (end > dataBytes) throw broken(`column ${name} ends at byte ${end} of the data, ${dataBytes} are there`)
    expected = end
  }
  if (expected !== dataBytes) throw broken(`its columns take ${expected} bytes of data, ${dataBytes} are there`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isDType = (text: string): text is DType => Object.hasOwn(ITEM_BYTES, text)

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0 && !Object.is(item, -0))

/** A value in an error's sentence, cut short and never followed into its depth: it may come from anywhere. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value))
    return cut(
      `[${value
        .slice(0, MAX_RANK + 1)
        .map((item) => (typeof item === 'number' ? item : typeof item))
        .join(', ')}]`,
    )
  if (isObject(value)) return cut(`{${Object.keys(value).slice(0, MAX_RANK).join(', ')}}`)
  return cut(JSON.stringify(value))
}

const cut = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

function broken(what: string, byte?: number, cause?: unknown): MillraceError {
  const where = byte === undefined ? {} : { byte }
  return new MillraceError(
    'E_BATCH_FORMAT',
    `not a sample batch: ${what}`,
    where,
    cause === undefined ? undefined : { cause },
  )
}

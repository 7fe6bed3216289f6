import { Random } from '../../../shared/random.ts'

/** Numbers that a length, a count or an offset should not be. */
const NUMBERS = ['-1', '1e999', '1e15', '9007199254740993', '4294967297', '-0', '0.1', '1e-400', '00', 'NaN', '0x10']
const TOKENS = [
  '"__proto__":{"a":1},',
  '"constructor":1,',
  '"format":2,',
  '"run":"../../x",',
  '"run":"a","run":"b",',
  '"shard":1e12,',
  'null',
  '\\u0000',
  '\u202e',
  '"\ud800"',
  '\n',
  '}',
  ']',
  '"',
  ',',
  '..',
  '%',
  '%2e%2e%2f',
  '&#x110000;',
  '\r\n',
]

/**
 * Damages an input as a disk, a wire or an enemy would: flipped bits, cuts, repeats, pieces of other inputs, deep nesting, huge
 * numbers and lengths, keys that are there twice. The same random stream gives the same damage.
 */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(seed)
  for (let times = 1 + random.integer(3); times > 0; times--) {
    const kind = MUTATIONS[random.integer(MUTATIONS.length)]
    if (kind) bytes = kind(bytes, random, others)
  }
  return bytes
}

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

const flip: Mutation = (bytes, random) => {
  for (let n = 1 + random.integer(4); n > 0 && bytes.length > 0; n--) {
    const at = random.integer(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8))
  }
  return bytes
}

const overwrite: Mutation = (bytes, random) => {
  if (bytes.length > 0)
    bytes[random.integer(bytes.length)] = [0, 0xff, 0x7f, 0x80, 0x22, 0x7b, 0x5c][random.integer(7)] ?? 0
  return bytes
}

const cut: Mutation = (bytes, random) => {
  const at = random.integer(bytes.length + 1)
  return random.integer(2) === 0 ? bytes.slice(0, at) : bytes.slice(at)
}

const splice: Mutation = (bytes, random, others) => {
  const other = others[random.integer(others.length)] ?? bytes
  return insert(
    bytes.slice(0, random.integer(bytes.length + 1)),
    other.slice(random.integer(other.length + 1)),
    bytes.length,
  )
}

const repeat: Mutation = (bytes, random) => {
  const from = random.integer(bytes.length + 1)
  return insert(bytes, bytes.slice(from, from + random.integer(200)), random.integer(bytes.length + 1))
}

const token: Mutation = (bytes, random) =>
  insert(bytes, utf8(TOKENS[random.integer(TOKENS.length)] ?? ''), random.integer(bytes.length + 1))

/** Puts a strange number in the place of one that is there. */
const number: Mutation = (bytes, random) => {
  const from = random.integer(bytes.length + 1)
  const start = bytes.findIndex((byte, at) => at >= from && isDigit(byte))
  if (start < 0) return bytes
  let end = start
  while (isDigit(bytes[end] ?? 0)) end++
  const middle = utf8(NUMBERS[random.integer(NUMBERS.length)] ?? '')
  return joined([bytes.subarray(0, start), middle, bytes.subarray(end)])
}

/** In the place of a value, or anywhere. */
const nest: Mutation = (bytes, random) => {
  const levels = [40, 1_000, 20_000][random.integer(3)] ?? 40
  const [open, close] = random.integer(2) === 0 ? ['[', ']'] : ['{"a":', '}']
  const text = open.repeat(levels) + (random.integer(2) === 0 ? `1${close.repeat(levels)}` : '')
  const from = random.integer(bytes.length + 1)
  const colon = bytes.indexOf(0x3a, from)
  return insert(bytes, utf8(text), colon < 0 ? from : colon + 1)
}

const wide: Mutation = (bytes, random) => {
  const text =
    [() => '0,'.repeat(30_000), () => '{},'.repeat(20_000), () => 'x'.repeat(60_000)][random.integer(3)]?.() ?? ''
  const from = random.integer(bytes.length + 1)
  // Mostly as the first items of a list that is there.
  const list = random.integer(4) === 0 ? -1 : bytes.indexOf(0x5b, from)
  return insert(bytes, utf8(text), list < 0 ? from : list + 1)
}

/** A binary length at the front. */
const length: Mutation = (bytes, random) => {
  const view = new DataView(bytes.buffer)
  if (bytes.length >= 8)
    view.setUint32(random.integer(2) * 4, [0, 1, 0xffffffff, bytes.length, 1 << 20][random.integer(5)] ?? 0, true)
  return bytes
}

/** Cheap damage is common, what makes inputs large is rare. */
const WEIGHTS: readonly (readonly [Mutation, number])[] = [
  [flip, 8],
  [token, 5],
  [overwrite, 4],
  [number, 3],
  [cut, 2],
  [splice, 2],
  [repeat, 2],
  [length, 2],
  [nest, 1],
  [wide, 1],
]
const MUTATIONS = WEIGHTS.flatMap(([mutation, weight]) => Array.from({ length: weight }, () => mutation))

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const insert = (into: Uint8Array, what: Uint8Array, at: number): Uint8Array =>
  joined([into.subarray(0, at), what, into.subarray(at)])
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

import type { PlainData } from '../env/env.ts'
import { MillraceError } from '../errors.ts'

/** Deeper than any state is meant to be: more is a cycle. */
const MAX_DEPTH = 100
/** JSON has no form of its own for these numbers: it would turn them into null, and -0 into 0. */
const NUMBER = '$number'

/**
 * Plain data as JSON from which `parsePlain` gives exactly the same back: NaN, infinities and -0, too. A property that is undefined
 * is left out, as JSON does.
 *
 * @throws MillraceError E_ENV_CONFIG when there is something else in it (a typed array, a Map, an instance of a class), saying where
 */
export function plainText(value: unknown): string {
  return JSON.stringify(marked(value, '', 0))
}

/**
 * What `plainText` was given.
 * @throws MillraceError E_ENV_CONFIG when the text is no JSON
 */
export function parsePlain(text: string): PlainData {
  try {
    return unmarked(JSON.parse(text) as PlainData)
  } catch (cause) {
    throw new MillraceError('E_ENV_CONFIG', `saved data cannot be read: ${String(cause)}`, {}, { cause })
  }
}

function marked(value: unknown, path: string, depth: number): unknown {
  if (depth > MAX_DEPTH) throw refused(path, 'is nested too deep, or holds itself')
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value
    return { [NUMBER]: Object.is(value, -0) ? '-0' : String(value) }
  }
  // Not map(): it would skip holes.
  if (Array.isArray(value)) return Array.from(value, (item, i) => marked(item, `${path}[${i}]`, depth + 1))
  if (typeof value !== 'object') throw refused(path, `is ${typeof value === 'undefined' ? '' : 'a '}${typeof value}`)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) {
    const hint = ArrayBuffer.isView(value) ? '; Array.from(...) makes a list of it' : ''
    throw refused(path, `is a ${value.constructor?.name || 'class instance'}${hint}`)
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => [escaped(key), marked(item, `${path}.${key}`, depth + 1)]))
}

function unmarked(value: PlainData): PlainData {
  if (value === null || typeof value !== 'object') return value
  if (isList(value)) return value.map(unmarked)
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0] === NUMBER) return Number(first[1])
  return Object.fromEntries(entries.map(([key, item]) => [unescaped(key), unmarked(item)]))
}

const isList = (value: object): value is readonly PlainData[] => Array.isArray(value)
/** A property that happens to be called as the mark is. */
const escaped = (key: string): string => (key.startsWith('$') ? `$${key}` : key)
const unescaped = (key: string): string => (key.startsWith('$$') ? key.slice(1) : key)

const refused = (path: string, what: string): MillraceError =>
  new MillraceError(
    'E_ENV_CONFIG',
    `save() has to give null, booleans, numbers, strings, lists and plain objects: ${path || 'what it gave'} ${what}`,
  )

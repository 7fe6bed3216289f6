import { printable } from './printable.ts'

const LONGEST = 80
/** Of what an error was caused by: so many causes, so many errors of one, so many characters of each. */
const DEEPEST = 3
const MOST_SHOWN = 3
const LONGEST_CAUSE = 300

/** A value of any kind in a few words, for a sentence: `"1" (a string)`, `1n (a BigInt)`, `undefined`, `[1, 2]`. Never throws. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return `${short(JSON.stringify(value))} (a string)`
  if (typeof value === 'bigint') return `${short(String(value))}n (a BigInt)`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return String(value)
  if (isThenable(value)) return 'a Promise'
  return short(json(value) ?? 'an object')
}

/**
 * What was thrown, in one string: `TypeError: x is not a function` for an Error, else the value; then what it was caused by, and the first
 * of the errors that an AggregateError holds. As `printable` shows it, at most 2,000 characters. Never throws.
 */
export function showThrown(thrown: unknown): string {
  return cut(printable(said(thrown, 0)), 2_000)
}

function said(thrown: unknown, depth: number): string {
  try {
    if (thrown instanceof Error) {
      const { name, message } = thrown
      const own = cut(message === '' ? name : `${name}: ${message}`, depth === 0 ? 1_500 : LONGEST_CAUSE)
      return `${own}${severalOf(thrown, depth)}${causeOf(thrown, depth)}`
    }
    return typeof thrown === 'string' ? thrown : showValue(thrown)
  } catch {
    return 'an error that cannot be read'
  }
}

function causeOf({ message, cause }: Error, depth: number): string {
  if (cause === undefined || depth === DEEPEST) return ''
  // Some repeat it in their own message.
  if (cause instanceof Error && cause.message !== '' && message.includes(cause.message)) return ''
  return `; caused by ${cut(said(cause, depth + 1), LONGEST_CAUSE)}`
}

function severalOf(error: Error, depth: number): string {
  if (!(error instanceof AggregateError) || error.errors.length === 0 || depth === DEEPEST) return ''
  const first = error.errors.slice(0, MOST_SHOWN).map((one) => cut(said(one, depth + 1), LONGEST_CAUSE))
  const more = error.errors.length - first.length
  return ` (${first.join('; ')}${more > 0 ? `; and ${more} more` : ''})`
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
  } catch {
    return false
  }
}

function json(value: object): string | undefined {
  try {
    const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)
    return JSON.stringify(isList ? Array.prototype.slice.call(value, 0, LONGEST) : value, plain)
  } catch {
    return undefined
  }
}

/** JSON would show these as null, as {} or not at all. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value === undefined || typeof value === 'function' ? String(typeof value) : value
}

const short = (text: string): string => cut(printable(text), LONGEST)
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text)

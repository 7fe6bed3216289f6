const LONGEST = 80

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

/** What was thrown, in one string: `TypeError: x is not a function` for an Error, else the value. Never throws. */
export function showThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return cut(`${thrown.name}: ${thrown.message}`, 2_000)
  } catch {
    return 'an error that cannot be read'
  }
  if (typeof thrown === 'string') return cut(thrown, 2_000)
  return showValue(thrown)
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

const short = (text: string): string => cut(text, LONGEST)
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text)

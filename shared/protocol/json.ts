import * as z from 'zod'

/** What JSON can hold. */
export type JsonValue = z.core.util.JSONType

/** Limits of data whose form is the user's own: an env's config, parameters of a stage. Configs are a few levels and some hundred values. */
export const MAX_JSON_DEPTH = 32
export const MAX_JSON_VALUES = 100_000

/** Keys that change what an object is, where code copies fields by name. */
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor'])

/** Is this a key that no data of ours may have? */
export const isPrototypeKey = (key: string): boolean => PROTOTYPE_KEYS.has(key)

/**
 * What is wrong with a value as plain JSON: deeper than 32 levels, more than 100,000 values, a number that is not finite, a key of
 * JavaScript's own (`__proto__`), or not JSON at all. Walks level by level, so that no depth can overflow the stack.
 *
 * @returns undefined where nothing is
 */
export function jsonFault(value: unknown): string | undefined {
  let level: unknown[] = [value]
  let values = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_JSON_DEPTH) return `expected at most ${MAX_JSON_DEPTH} levels`
    values += level.length
    if (values > MAX_JSON_VALUES) return `expected at most ${MAX_JSON_VALUES} values`
    const next: unknown[] = []
    for (const item of level) {
      const fault = Array.isArray(item)
        ? listInto(next, item)
        : isPlainObject(item)
          ? fieldsInto(next, item)
          : leafFault(item)
      if (fault !== undefined) return fault
    }
    level = next
  }
  return undefined
}

function listInto(next: unknown[], list: readonly unknown[]): string | undefined {
  if (list.length > MAX_JSON_VALUES) return `expected at most ${MAX_JSON_VALUES} values`
  for (const item of list) next.push(item)
  return undefined
}

function fieldsInto(next: unknown[], object: Readonly<Record<string, unknown>>): string | undefined {
  for (const key of Object.keys(object)) {
    if (isPrototypeKey(key)) return `'${key}' cannot be the name of a field`
    next.push(object[key])
  }
  return next.length > MAX_JSON_VALUES ? `expected at most ${MAX_JSON_VALUES} values` : undefined
}

function leafFault(value: unknown): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `expected finite numbers, got ${value}`
  return `expected plain data, got ${value === undefined ? 'undefined' : `a ${typeof value}`}`
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || isForeignPlain(prototype)
}

/** Of an object that another realm made (a test's module loader): its prototype is that realm's `Object.prototype`. */
const isForeignPlain = (prototype: unknown): boolean =>
  Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty')

/** A JSON value as a schema, in the place of zod's own, which follows a value by recursion until the stack is full. */
export const Json = z.custom<JsonValue>().superRefine((value, context) => {
  const message = jsonFault(value)
  if (message !== undefined) context.addIssue({ code: 'custom', message })
})

/** A JSON object. */
export const JsonObject = z.custom<Record<string, JsonValue>>().superRefine((value, context) => {
  const message = isPlainObject(value) ? jsonFault(value) : 'expected an object'
  if (message !== undefined) context.addIssue({ code: 'custom', message })
})

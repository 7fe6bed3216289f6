import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Json, JsonObject, jsonFault } from '../../../shared/protocol/json.ts'
import { RECORD_LIMITS, parseJson, whyNoJson } from '../../../shared/protocol/parseJson.ts'

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const limits = { characters: 10_000, depth: 5, values: 50 }

test('plain data passes as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      fc.pre(!/__proto__|constructor/.test(JSON.stringify(value)))
      expect(Json.parse(value)).toEqual(value)
      expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.each<[what: string, value: unknown, fault: RegExp]>([
  ['a hundred thousand levels', JSON.parse(nested(100_000)), /at most 32 levels/],
  ['a list of a million', Array.from({ length: 1_000_000 }, () => 0), /at most 100000 values/],
  ['__proto__ as a field', JSON.parse('{"a":{"__proto__":{"b":1}}}'), /'__proto__' cannot be the name/],
  ['constructor as a field', { constructor: 1 }, /'constructor' cannot/],
  ['a number without end', JSON.parse('[1e400]'), /finite numbers, got Infinity/],
  ['NaN', { a: Number.NaN }, /finite/],
  ['a function', [() => 1], /a function/],
  ['a hole', [undefined], /undefined/],
  ['a map', new Map(), /plain data/],
  ['a bigint', { a: 1n }, /a bigint/],
])('%s is refused with a sentence and never with a full stack', (_, value, fault) => {
  expect(jsonFault(value)).toMatch(fault)
  expect(Json.safeParse(value).success).toBe(false)
})

test('an object is expected where one is, also where the field is missing', () => {
  for (const value of [undefined, null, [], 'x', 1]) expect(JsonObject.safeParse(value).success).toBe(false)
  expect(JsonObject.parse({ a: [1, null] })).toEqual({ a: [1, null] })
})

test('text is bounded before it is parsed, in length, depth and values; strings count for nothing', () => {
  const refused = (text: string): string => {
    try {
      parseJson(text, limits)
    } catch (error) {
      return whyNoJson(error)
    }
    return 'taken'
  }
  expect(refused(nested(5))).toBe('taken')
  expect(refused(nested(6))).toBe('is more JSON than is read: more than 5 levels')
  expect(refused(`[${'1,'.repeat(60)}1]`)).toBe('is more JSON than is read: more than 50 values')
  expect(refused(`"${'x'.repeat(10_000)}"`)).toBe('is more JSON than is read: 10002 characters')
  expect(refused(JSON.stringify(`${'[{,"\\'.repeat(100)}`))).toBe('taken')
  expect(refused('["open')).toBe('is not JSON')
  expect(refused('}')).toBe('is not JSON')
})

test('a megabyte of brackets takes milliseconds', () => {
  const text = '['.repeat(1 << 20)
  const took = Array.from({ length: 5 }, () => {
    const from = performance.now()
    expect(() => parseJson(text, RECORD_LIMITS)).toThrow(/levels/)
    return performance.now() - from
  })
  expect(Math.min(...took)).toBeLessThan(50) // another process may have had the machine meanwhile
})

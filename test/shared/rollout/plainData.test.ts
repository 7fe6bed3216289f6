import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePlain, plainText } from '../../../shared/rollout/plainData.ts'

const number = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, 2 ** -1074, Number.MAX_VALUE))
const key = fc.oneof(fc.string(), fc.constantFrom('$number', '$$number', '$', '__proto__', 'constructor', 'toJSON'))
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    number,
    fc.string({ unit: 'binary' }),
    fc.array(tie('plain'), { maxLength: 4 }),
    fc.dictionary(key, tie('plain'), { maxKeys: 4 }),
  ),
}))

test('plain data come back exactly, every number and every name included', () => {
  fc.assert(
    fc.property(plain, (value) => {
      const back = parsePlain(plainText(value))
      expect(structure(back)).toEqual(structure(value))
    }),
    { examples: [[JSON.parse('{"__proto__":{"$number":"NaN"}}')], [{ $number: 'NaN' }]] },
  )
})

test('a property that is undefined is left out', () => {
  expect(parsePlain(plainText({ a: undefined, b: 1 }))).toEqual({ b: 1 })
})

const cycle: unknown[] = []
cycle.push(cycle)
test.each<[string, unknown, RegExp]>([
  ['typed arrays', { at: [0, new Float32Array(2)] }, /: \.at\[1\] is a Float32Array; Array\.from/],
  ['maps', new Map(), /: what it gave is a Map$/],
  ['undefined in a list', [1, undefined], /: \[1\] is undefined$/],
  ['bigints', [10n], /: \[0\] is a bigint$/],
  ['dates', { now: new Date(0) }, /: \.now is a Date$/],
  ['functions', { go: () => 1 }, /: \.go is a function$/],
  ['cycles', cycle, /nested too deep, or holds itself$/],
])('%s are refused, and where they are', (_, value, sentence) => {
  const refused = expect.objectContaining({ code: 'E_ENV_CONFIG', message: expect.stringMatching(sentence) })
  expect(() => plainText(value)).toThrow(refused)
})

test.each(['', '{', '[1,', '{"$number"'])('%j is not read', (text) => {
  expect(() => parsePlain(text)).toThrow(expect.objectContaining({ code: 'E_ENV_CONFIG' }))
})

/** As text in which -0, NaN and own properties of any name are told apart. */
function structure(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return `[${value.map(structure).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, item]) => `${JSON.stringify(name)}:${structure(item)}`)
    .join()}}`
}

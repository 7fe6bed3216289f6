import fc from 'fast-check'
import { expect, test } from 'vitest'
import { showThrown, showValue } from '../../shared/showValue.ts'

test.each<[unknown, string]>([
  ['1', '"1" (a string)'],
  [1n, '1n (a BigInt)'],
  [undefined, 'undefined'],
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [false, 'false'],
  [() => 1, 'a function'],
  [Symbol('s'), 'a symbol'],
  [Promise.resolve(), 'a Promise'],
  [[1, Infinity], '[1,"Infinity"]'],
  [Float32Array.of(1, 2), '[1,2]'],
  [{ reward: 1n, done: undefined }, '{"reward":"1n","done":"undefined"}'],
])('%o is shown as %s', (value, shown) => {
  expect(showValue(value)).toBe(shown)
})

test('anything at all is shown in a line of bounded length, and never throws', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const hostile = {
    // oxlint-disable-next-line unicorn/no-thenable -- a getter of a user's that throws
    get then() {
      throw new Error('no')
    },
    toJSON() {
      throw new Error('no')
    },
  }
  const unreadable = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  for (const value of [circular, hostile, Object.create(null), new Proxy({}, {}), unreadable, 'x'.repeat(1e6)]) {
    expect(showValue(value).length).toBeLessThan(120)
    expect(showThrown(value).length).toBeLessThan(2_100)
  }
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withTypedArray: true }), (value) => {
      expect(showValue(value).length).toBeLessThan(120)
    }),
  )
})

test('what was thrown is told by its class and its message, whatever it is', () => {
  expect(showThrown(new RangeError('no room'))).toBe('RangeError: no room')
  expect(showThrown('no room')).toBe('no room')
  expect(showThrown(undefined)).toBe('undefined')
  expect(showThrown({ code: 7 })).toBe('{"code":7}')
})

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

test('what an error was caused by is told with it, and the errors in one that holds several', () => {
  const socket = new Error('socket closed')
  const chain = new TypeError('no data', { cause: new RangeError('page 3', { cause: socket }) })
  expect(showThrown(chain)).toBe('TypeError: no data; caused by RangeError: page 3; caused by Error: socket closed')
  expect(showThrown(new Error('no data: socket closed', { cause: socket }))).toBe('Error: no data: socket closed')
  expect(showThrown(new Error('no data', { cause: 'a string' }))).toBe('Error: no data; caused by a string')
  const several = [1, 2, 3, 4, 5].map((n) => new Error(`mirror ${n}`))
  expect(showThrown(new AggregateError(several, 'no mirror'))).toBe(
    'AggregateError: no mirror (Error: mirror 1; Error: mirror 2; Error: mirror 3; and 2 more)',
  )
  const loop = new Error('a')
  loop.cause = new Error('b', { cause: loop })
  expect(showThrown(loop)).toBe('Error: a; caused by Error: b; caused by Error: a; caused by Error: b')
})

import { expect, test } from 'vitest'
import { addPlace } from '../../functions/uncaught.ts'

test('an error that nothing caught says in its message, which is all that a platform passes on, where in the user’s files it came from and why', () => {
  const error = new TypeError('no wheel', { cause: new Error('socket closed') })
  addPlace(error)
  expect(error.message).toMatch(
    /^\/.*uncaught\.test\.ts:\d+:\d+ threw in a timer or a promise that nobody waits for: no wheel; caused by Error: socket closed$/,
  )
})

test('what has no place, or cannot be changed, stays as it is', () => {
  const elsewhere = Object.assign(new Error('gone'), { stack: 'Error: gone\n    at node:net:1:2' })
  const frozen = Object.freeze(new Error('fixed'))
  for (const thrown of [elsewhere, frozen, 'a string', undefined, null]) expect(() => addPlace(thrown)).not.toThrow()
  expect([elsewhere.message, frozen.message]).toEqual(['gone', 'fixed'])
})

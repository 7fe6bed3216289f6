import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES, type ErrorCode, MillraceError, isMillraceError, nearestName } from '../../shared/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| `E_'))

describe('the table of codes and docs/errors.md agree', () => {
  test('every code is on the page once, in the same order, with the same sentence', () => {
    const onPage = rows.map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, 3),
    )
    expect(onPage).toEqual(Object.entries(ERROR_CODES).map(([code, sentence]) => [`\`${code}\``, sentence]))
  })

  test('every code on the page comes with what to do about it, and the page speaks of no other', () => {
    for (const row of rows)
      expect(row.split('|').map((cell) => cell.trim())).toEqual([
        '',
        expect.any(String),
        expect.any(String),
        expect.stringMatching(/\.$/),
        '',
      ])
    expect(new Set(page.match(/\bE_[A-Z_]+/g))).toEqual(new Set(Object.keys(ERROR_CODES)))
  })
})

test('every code is a name in capitals, and its meaning is a sentence', () => {
  for (const [code, sentence] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^E_[A-Z]+(_[A-Z]+)*$/)
    expect(sentence).toMatch(/^[A-Z].*\.$/)
  }
})

test('what Node.js prints of an error holds the sentence, the code and what is known, and no field that says nothing', () => {
  const bare = inspect(new MillraceError('E_USAGE', 'no such option'))
  expect(bare).toMatch(/^MillraceError: no such option\n/)
  expect(bare).toContain("code: 'E_USAGE'")
  expect(bare).not.toMatch(/where|userStack|undefined/)
  const full = inspect(new MillraceError('E_STORE', 'no bucket', { shard: 1 }, { userStack: 'at a.ts:1:2' }))
  for (const said of ["code: 'E_STORE'", 'where: { shard: 1 }', "userStack: 'at a.ts:1:2'"])
    expect(full).toContain(said)
})

test('an error carries its code, its sentence, where it happened and its cause', () => {
  const cause = new TypeError('inner')
  const error = new MillraceError('E_BATCH_VALUE', 'rewards[3] is NaN', { shard: 3 }, { cause })
  expect(error).toMatchObject({
    name: 'MillraceError',
    code: 'E_BATCH_VALUE',
    message: 'rewards[3] is NaN',
    where: { shard: 3 },
    cause,
  })
  expect(error).toBeInstanceOf(Error)
  expect(new MillraceError('E_USAGE', '').where).toEqual({})
})

test('an error is known by its name and code, not by its class: a bundle has a class of its own', () => {
  const foreign = Object.assign(new Error('x'), { name: 'MillraceError', code: 'E_QUEUE' satisfies ErrorCode })
  for (const error of [foreign, new MillraceError('E_QUEUE', 'x')]) {
    expect([isMillraceError(error), isMillraceError(error, 'E_QUEUE'), isMillraceError(error, 'E_STORE')]).toEqual([
      true,
      true,
      false,
    ])
  }
  for (const other of [new Error('x'), { name: 'MillraceError', code: 'E_QUEUE' }, null, 'E_QUEUE'])
    expect(isMillraceError(other)).toBe(false)
})

describe('the nearest known name', () => {
  const known = ['CartPole-v1', 'MountainCar-v0', 'Pendulum-v1']

  test.each([
    ['CartPoel-v1', 'CartPole-v1'],
    ['cartpole-v1', 'CartPole-v1'],
    ['MountanCar-v0', 'MountainCar-v0'],
    ['Pong-v5', undefined],
    ['', undefined],
  ])('of %j is %j', (name, expected) => {
    expect(nearestName(name, known)).toBe(expected)
  })

  test('is found for any one character added, left out or changed in a name of three or more', () => {
    const edits = fc.record({
      name: fc.constantFrom(...known),
      at: fc.nat(20),
      char: fc.string({ minLength: 1, maxLength: 1 }),
      cut: fc.nat(1),
      add: fc.boolean(),
    })
    fc.assert(
      fc.property(edits, ({ name, at, char, cut, add }) => {
        const i = at % name.length
        expect(nearestName(name.slice(0, i) + (add ? char : '') + name.slice(i + cut), known)).toBe(name)
      }),
    )
  })
})

test('letters that changed places are one mistake', () => {
  expect(nearestName('trian', ['train', 'graph'])).toBe('train')
  expect(nearestName('gamam', ['gamma', 'lambda'])).toBe('gamma')
  expect(nearestName('ab', ['ba'])).toBe('ba')
  expect(nearestName('runs', ['train'])).toBeUndefined()
})

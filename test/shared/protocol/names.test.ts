import { basename, join, resolve } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runName } from '../../../library/run/runFolder.ts'
import { attemptName, keys } from '../../../shared/protocol/keys.ts'
import { Label, NAME_LETTERS, Name, isName } from '../../../shared/protocol/names.ts'

const HOSTILE_NAMES = [
  '',
  '.',
  '..',
  '../../x',
  '..\\..\\x',
  '/etc/passwd',
  'C:\\x',
  'C:x',
  '//server/share',
  'a/b',
  'a\\b',
  'a\0b',
  'a\nb',
  'a b',
  '.hidden',
  'ends.',
  'nul',
  'NUL.txt',
  'con',
  'COM1.2',
  'a:b',
  'a*',
  '-rf',
  '\u001b[2Jx',
  'é',
  '\u202ex',
  'x'.repeat(NAME_LETTERS + 1),
]

test.each(HOSTILE_NAMES)('%j is no name, and no key is made of it', (text) => {
  expect(isName(text)).toBe(false)
  expect(Name.safeParse(text).success).toBe(false)
  const refusal = expect.objectContaining({ name: 'MillraceError', code: 'E_RUN' })
  expect(() => keys.status(text)).toThrow(refusal)
  expect(() => keys.manifest(text)).toThrow(refusal)
  expect(() => keys.result('run-1', text)).toThrow(refusal)
  expect(() => keys.batch('run-1', 0, text, 0)).toThrow(refusal)
})

test('whatever is a name stays in its folder, as one folder of it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: fc.constantFrom('.', '/', '\\', ':', 'a', 'c', '~', '_', '-', ' ', '\0') }),
      ),
      (text) => {
        if (!isName(text)) return
        expect(basename(resolve('/runs', text))).toBe(text)
        expect(resolve('/runs', text)).toBe(join('/runs', text))
      },
    ),
    { numRuns: 2000 },
  )
})

test('every run of ours has a name, whatever its experiment is called, with all that is put behind it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat(), (experiment, seed) => {
      const name = attemptName(`${runName(experiment, 1_795_248_000_000, seed)}-12345678`, 12)
      expect(name).toSatisfy(isName)
    }),
  )
  expect(runName('con', 0, 1)).toSatisfy(isName)
})

test('what is only shown is one line without control characters', () => {
  for (const text of ['', 'a\u001b[2J', 'a\nb', '\u2028', 'x'.repeat(513)])
    expect(Label.safeParse(text).success).toBe(false)
  for (const text of ['CartPole-v1', "bob's env", 'arn:aws:x/y', '環境'])
    expect(Label.safeParse(text).success).toBe(true)
})

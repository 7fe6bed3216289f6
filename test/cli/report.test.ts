import { join } from 'node:path'
import { expect, test } from 'vitest'
import { report, wantsDebug } from '../../cli/report.ts'
import { MillraceError } from '../../shared/errors.ts'

test('a known error is a sentence with its code, its place and what to do', () => {
  const error = new MillraceError('E_TRAIN_DIVERGED', 'update 7 gave a NaN', { update: 7, shard: undefined })
  expect(report(error)).toEqual({
    text: 'error E_TRAIN_DIVERGED: update 7 gave a NaN\n  where: update 7\n  hint: try a smaller learning rate or a smaller gradient norm limit\n',
    exitCode: 1,
  })
})

test('the user’s own part of a stack is printed below the sentence, with paths from the working folder', () => {
  const place = `${join(process.cwd(), 'envs', 'echo.ts')}:12:3`
  const where = { env: 'Echo', envIndex: 3, at: place }
  const text = (userStack: string | undefined) =>
    report(new MillraceError('E_ENV_STEP', 'Echo failed', where, { userStack })).text
  expect(text(`at Echo.step (${place})\nat /elsewhere/\x1b[31mlib.ts:1:2`)).toMatch(
    /^error E_ENV_STEP: Echo failed\n {4}at Echo\.step \(envs[\\/]echo\.ts:12:3\)\n {4}at \/elsewhere\/lib\.ts:1:2\n {2}where: env Echo, envIndex 3\n/,
  )
  expect(text(undefined)).toMatch(/\n {2}where: env Echo, envIndex 3, at envs[\\/]echo\.ts:12:3\n/)
})

test('a failing env is hinted at --serial, but not where that was given already', () => {
  const error = new MillraceError('E_ENV_STEP', 'Echo failed')
  expect(report(error).text).toMatch(/\n {2}hint: millrace train --serial runs everything in one process/)
  expect(report(error, { serial: true }).text).toBe('error E_ENV_STEP: Echo failed\n')
})

test('a wrong command line has an exit status of its own', () => {
  expect(report(new MillraceError('E_USAGE', 'no such thing')).exitCode).toBe(64)
})

test('anything else is unexpected: one line, no stack unless asked for', () => {
  const error = new TypeError('x is\nundefined', { cause: new Error('the root') })
  const { text, exitCode } = report(error)
  expect(text.split('\n')[0]).toBe('unexpected error: TypeError: x is undefined; caused by Error: the root')
  expect(text).not.toMatch(/^\s+at /m)
  expect(exitCode).toBe(1)
  const debug = report(error, { debug: true }).text
  expect(debug).toMatch(/^\s+at /m)
  expect(debug).toContain('caused by Error: the root')
  expect(report(undefined).text).toMatch(/^unexpected error: undefined\n/)
  expect(report('text').text).toMatch(/^unexpected error: text\n/)
})

test('of several errors at once the first with a code is reported', () => {
  const inner = new MillraceError('E_STORE', 'the bucket is gone')
  expect(report(new AggregateError([new Error('a consequence'), new AggregateError([inner])])).text).toBe(
    'error E_STORE: the bucket is gone\n',
  )
  expect(report(new AggregateError([])).text).toContain('unexpected error: AggregateError')
})

test('escape codes in a message do not reach the terminal', () => {
  expect(report(new MillraceError('E_ENV_STEP', 'env \x1b[31msaid\x07 no', { env: 'a\x1b[0m' })).text).toContain(
    'env said\\u0007 no\n  where: env a\n',
  )
})

test('--debug or MILLRACE_DEBUG=1 asks for stacks', () => {
  expect(wantsDebug(['train', '--debug'], {})).toBe(true)
  expect(wantsDebug([], { MILLRACE_DEBUG: '1' })).toBe(true)
  expect(wantsDebug([], { MILLRACE_DEBUG: '0' })).toBe(false)
  expect(wantsDebug([], {})).toBe(false)
})

test('an env that looks in a function for a file of its author is told that there are none', () => {
  const missing = "Maze.reset threw Error: ENOENT: no such file or directory, open '/home/me/maze.txt'"
  const told = 'hint: a function gets neither the files nor the variables of your machine'
  const inFunction = new MillraceError('E_ENV_STEP', missing, { shard: 0 })
  expect(report(inFunction).text).toContain(told)
  // In the command's own process there is no function to speak of.
  expect(report(inFunction, { serial: true }).text).not.toContain('function')
  expect(report(new MillraceError('E_ENV_STEP', missing)).text).not.toContain('function gets')
})

test.each([
  ['1', true],
  ['yes', true],
  ['0', false],
  ['', false],
  ['false', false],
  [undefined, false],
])('MILLRACE_DEBUG=%s: stacks %s', (value, wanted) => {
  expect(wantsDebug([], { MILLRACE_DEBUG: value })).toBe(wanted)
})

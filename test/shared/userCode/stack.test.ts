import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { userTrace } from '../../../shared/userCode/index.ts'
import { knowUserModule } from '../../../shared/userCode/known.ts'
import { ownFiles } from '../../../shared/userCode/stack.ts'

const withStack = (...frames: string[]): Error => {
  const error = new TypeError('it broke')
  error.stack = ['TypeError: it broke', ...frames.map((frame) => `    at ${frame}`)].join('\n')
  return error
}

test('only the user’s own frames are kept: none of Node’s, of packages or of Millrace', () => {
  const millrace = new URL('../../../shared/env/vector.ts', import.meta.url).pathname
  const error = withStack(
    'Array.map (<anonymous>)',
    'node:internal/process/task_queues:95:5',
    'helper (/home/u/node_modules/lib/index.js:1:2)',
    'Echo.step (/home/u/my env (1)/echo.ts:12:13)',
    'file:///home/u/a%20b.ts:3:4',
    'async Promise.all (index 0)',
    `EnvVector.stepEnv (${millrace}:1:2)`,
    'main (/home/u/program.ts:9:9)',
  )
  expect(userTrace(error)).toEqual({
    at: '/home/u/my env (1)/echo.ts:12:13',
    stack: 'at Echo.step (/home/u/my env (1)/echo.ts:12:13)\nat /home/u/a b.ts:3:4',
  })
})

test('what the user’s code called in Millrace is left out, the user’s own frames below it are not', () => {
  const millrace = new URL('../../../shared/random.ts', import.meta.url).href
  const error = withStack(`Random.integer (${millrace}:1:2)`, 'Echo.reset (/home/u/echo.ts:5:6)')
  expect(userTrace(error).at).toBe('/home/u/echo.ts:5:6')
})

test('frames of a known bundle are mapped, and those that come from none of the user’s files are left out', () => {
  const file = '/tmp/bundle-of-a-test.mjs'
  knowUserModule({
    file,
    text: '',
    sources: () => new Map([['/home/u/echo.ts', '/home/u/echo.ts']]),
    original: (line, column) => (line === 1 ? { file: '/home/u/echo.ts', line: 100 + column, column: 1 } : undefined),
  })
  const error = withStack(`step (${pathToFileURL(file).href}:2:7)`, `step (${pathToFileURL(file).href}:1:7)`)
  expect(userTrace(error)).toEqual({ at: '/home/u/echo.ts:107:1', stack: 'at step (/home/u/echo.ts:107:1)' })
})

test('a long stack is ten frames at most, and within what a report takes', () => {
  const frames = (length: number) => Array.from({ length: 40 }, (_, i) => `f (/home/${'x'.repeat(length)}.ts:${i}:1)`)
  expect(userTrace(withStack(...frames(5))).stack?.split('\n')).toHaveLength(10)
  expect(userTrace(withStack(...frames(2_000))).stack?.length).toBeLessThanOrEqual(8_192)
})

test('a message that looks like a frame is none, and what has no stack gives none', () => {
  const sly = new Error('no\n    at x (/home/u/sly.ts:1:1)')
  expect(userTrace(sly).stack).not.toContain('sly.ts')
  for (const thrown of [
    'text',
    undefined,
    null,
    7,
    { stack: 'at x (/a.ts:1:1)' },
    Object.assign(new Error('x'), { stack: 5 }),
  ])
    expect(userTrace(thrown)).toEqual({ at: undefined, stack: undefined })
})

test.each([
  ['/var/task/rollout.mjs', ['/var/task/rollout.mjs'], ['/tmp/millrace-env-1/experiment.mjs', '/var/task/other.mjs']],
  ['/p/node_modules/millrace/dist/chunks/c.js', ['/p/node_modules/millrace/dist/cli/main.js'], ['/p/dist/mine.js']],
  [
    '/src/millrace/shared/userCode/stack.ts',
    ['/src/millrace/learner/x.ts'],
    ['/src/millrace/examples/x.ts', '/src/x.ts'],
  ],
])('in %s Millrace’s own files are told from the user’s', (file, own, others) => {
  for (const path of own) expect(ownFiles(file).test(path)).toBe(true)
  for (const path of others) expect(ownFiles(file).test(path)).toBe(false)
})

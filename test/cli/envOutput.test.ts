import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quietDisplay, thinned } from '../../cli/display/display.ts'
import { liveDisplay } from '../../cli/display/liveDisplay.ts'
import { outputLine } from '../../cli/display/outputLine.ts'
import { OutputThinner } from '../../cli/display/outputThinner.ts'
import { plainDisplay } from '../../cli/display/plainDisplay.ts'
import { FakeHost, FakeTerminal } from './fakeHost.ts'
import { info, progressAt } from './runs.ts'

const line = (text: string, shard: number | undefined = 1) => ({ shard, stream: 'stdout' as const, text })

test('a line is marked with its shard and keeps its indentation; without a shard it is of an env', () => {
  expect(outputLine(line('  a  b'))).toBe('shard 1 |   a  b')
  expect(outputLine({ ...line('x'), shard: undefined })).toBe('env | x')
  expect(outputLine(line('\tdone'))).toBe('shard 1 |     done')
})

test('colours, cursor movements, titles, and what a line was written over with are left out', () => {
  expect(outputLine(line('\x1b[31mred\x1b[0m \x1b[2J\x1b[10;20H\x1b]0;title\x07\x1bcend'))).toBe('shard 1 | red end')
  expect(outputLine(line('10%\r50%\r100%'))).toBe('shard 1 | 100%')
  expect(outputLine(line('bell\x07 \u202eback'))).toBe('shard 1 | bell\\u0007 \\u202eback')
  expect(outputLine(line('x'.repeat(10_000)))).toHaveLength('shard 1 | '.length + 501)
})

test('whatever an env writes, no control character reaches the terminal', () => {
  const anything = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\x1b[', '\x1b]', '\x9b', '\r', '\x1b', '1;2H')),
  )
  fc.assert(
    fc.property(anything, (parts) => {
      expect(outputLine(line(parts.join('')))).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
    }),
  )
})

test('of a flood a burst is shown, then ten lines a second; every line left out is counted, with where it is', () => {
  let now = 0
  const shown: string[] = []
  const told: string[] = []
  const thinner = new OutputThinner({
    show: ({ text }) => shown.push(text),
    onEvent: ({ text }) => told.push(text),
    where: 'runs/a/output.log',
    now: () => now,
  })
  for (let i = 0; i < 20_000; i++, now += 1) thinner.add(line(`${i}`))
  expect(shown.length).toBeGreaterThanOrEqual(230)
  expect(shown.length).toBeLessThanOrEqual(241)
  thinner.close()
  thinner.close()
  expect(told).toHaveLength(4)
  expect(told[0]).toMatch(/^[\d,]+ lines of env output not shown; all of it is in runs\/a\/output\.log$/)
  const leftOut = told.reduce((sum, text) => sum + Number(text.replace(/ .*/, '').replaceAll(',', '')), 0)
  expect(leftOut + shown.length).toBe(20_000)
})

test('a few lines now and then are all shown', () => {
  let now = 0
  const shown: string[] = []
  const thinner = new OutputThinner({
    show: ({ text }) => shown.push(text),
    onEvent: () => expect.fail(),
    where: '',
    now: () => now,
  })
  for (let i = 0; i < 500; i++, now += 100) thinner.add(line(`${i}`))
  thinner.close()
  expect(shown).toHaveLength(500)
})

test('on a terminal output comes above the redrawn lines, which are whole again after it', () => {
  const host = new FakeHost('/', { isTTY: true })
  const display = thinned(liveDisplay(host), { where: 'output.log', now: host.now })
  display.onStart?.(info)
  display.onProgress?.(progressAt(3))
  host.advance(100)
  const before = host.out.text
  const rows = before.split('\x1b[J').at(-1)!.split('\n').length - 1
  display.onOutput?.(line('hello'))
  const after = host.out.text.slice(before.length)
  expect(after.startsWith(`\x1b[${rows}A\r\x1b[Jshard 1 | hello\n`)).toBe(true)
  expect(after.split('\n').length - 2).toBe(rows)
  display.close()
})

test('into a pipe output is a line like any other, and quiet runs show none', () => {
  const out = new FakeTerminal(false)
  plainDisplay(out).onOutput?.(line('hello'))
  expect(out.text).toBe('shard 1 | hello\n')
  const quiet = thinned(
    quietDisplay(() => expect.fail()),
    { where: '', now: () => 0 },
  )
  quiet.onOutput?.(line('hello'))
  quiet.close()
})

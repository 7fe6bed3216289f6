import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogStore } from '../../../../infra/local/control/logStore.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'

const texts = (logs: LogStore) => (logs.read('g') ?? []).map(({ text }) => text)

test('however output is cut into chunks, its lines are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z ]{1,12}$/)), fc.array(fc.nat(9)), (lines, cuts) => {
      const logs = new LogStore(virtualClock())
      const whole = lines.map((line) => `${line}\n`).join('')
      let at = 0
      for (const cut of cuts) logs.write('g', 's', whole.slice(at, (at += cut)))
      logs.write('g', 's', whole.slice(at))
      expect(texts(logs)).toEqual(lines)
    }),
  )
})

test('two streams that write half lines in turn keep them apart; an end makes half a line whole', () => {
  const logs = new LogStore(virtualClock())
  logs.write('g', 'a', 'one ')
  logs.write('g', 'b', 'two ')
  logs.write('g', 'a', 'half\n')
  logs.end('g', 'b')
  expect(logs.read('g')?.map(({ stream, text }) => [stream, text])).toEqual([
    ['a', 'one half'],
    ['b', 'two '],
  ])
})

test('a group keeps its newest 16 MiB and no more, in order', () => {
  const logs = new LogStore(virtualClock())
  const line = 'x'.repeat(64 * 1024 - 8)
  for (let i = 0; i < 1000; i++) logs.write('g', 's', `${String(i).padStart(8, '0')}${line}\n`)
  const kept = texts(logs).map((text) => Number(text.slice(0, 8)))
  expect(kept).toEqual(Array.from({ length: 256 }, (_, i) => 744 + i))
})

test('a line that never ends does not fill the memory', () => {
  const logs = new LogStore(virtualClock())
  for (let i = 0; i < 100; i++) logs.write('g', 's', 'x'.repeat(16 * 1024))
  expect(texts(logs).length).toBeGreaterThan(3)
  for (const text of texts(logs)) expect(text.length).toBeLessThanOrEqual(256 * 1024)
})

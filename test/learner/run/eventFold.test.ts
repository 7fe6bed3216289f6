import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventFold } from '../../../learner/run/eventFold.ts'
import type { RunEvent } from '../../../learner/run/observer.ts'

function folding() {
  let atMs = 0
  const told: string[] = []
  const fold = new EventFold({ emit: ({ text }) => told.push(text), now: () => atMs })
  const warn = (text: string) => fold.add({ level: 'warn', text })
  const pass = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      atMs += 1_000
      fold.tick()
    }
  }
  return { fold, told, warn, pass }
}

const failed = (shard: number, n: number) =>
  `shard ${shard}, lease ${shard}-${n} failed: no wheel (env ${n % 32}, episode step 30)`

test('sentences that differ in numbers only are told once, and then counted with their shards, at the end too', () => {
  const { fold, told, warn, pass } = folding()
  for (let n = 0; n < 75; n++) warn(failed(n % 2, n))
  expect(told).toEqual([failed(0, 0)])
  fold.close()
  expect(told.slice(1)).toEqual(['… 74 more like this (shards 0-1)'])
  pass(2)
  fold.close()
  expect(told).toHaveLength(2)
})

test('a count says how long ago the last one was, and names its kind when another sentence came between', () => {
  const { fold, told, warn, pass } = folding()
  warn(failed(0, 0))
  warn(failed(3, 1))
  pass(2)
  warn('shard 1 was throttled')
  pass(2)
  fold.close()
  expect(told).toEqual([
    failed(0, 0),
    'shard 1 was throttled',
    '… 1 more like "shard 0, lease 0-0 failed: no wheel (env 0, epis…" (shard 3), the last 4 s ago',
  ])
})

test('a fault that comes back for ever is told ever more seldom, once a minute in the end', () => {
  const { told, warn, pass } = folding()
  const lines: number[] = []
  for (let second = 0; second < 600; second++) {
    const before = told.length
    warn(failed(0, second))
    pass(1)
    if (told.length > before) lines.push(second)
  }
  expect(lines).toEqual([0, 4, 14, 34, 74, 134, 194, 254, 314, 374, 434, 494, 554])
})

test('what was not met for over a minute is told as it is again', () => {
  const { told, warn, pass } = folding()
  warn(failed(0, 0))
  pass(61)
  warn(failed(1, 7))
  expect(told).toEqual([failed(0, 0), failed(1, 7)])
})

test('names made of hex digits are numbers, words are not', () => {
  const { told, warn } = folding()
  warn('object 3fa9c2d1 is gone')
  warn('object b7c01f22-11aa is gone')
  warn('object feedface is gone')
  warn('object deadlock is gone')
  expect(told).toEqual(['object 3fa9c2d1 is gone', 'object feedface is gone', 'object deadlock is gone'])
})

test('nothing is lost and nothing made up: what is told adds up to what came, whatever the order and the pauses', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('a', 'b', 'c', 'd'), n: fc.nat(1_000) }),
    fc.record({ pass: fc.integer({ min: 1, max: 90 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { fold, told, warn, pass } = folding()
      let came = 0
      let seconds = 0
      for (const one of steps) {
        if ('pass' in one) {
          pass(one.pass)
          seconds += one.pass
        } else {
          warn(`trouble ${one.kind} in shard ${one.n}`)
          came++
        }
      }
      fold.close()
      const sum = told.reduce((total, text) => total + Number(/^… (\d+) more/.exec(text)?.[1] ?? 1), 0)
      expect(sum).toBe(came)
      // a first and a count of each kind and period, a count every five seconds at most, and one at the end.
      expect(told.length).toBeLessThanOrEqual(4 * (2 + Math.ceil(seconds / 5)))
    }),
  )
})

test('thousands of kinds are not kept, and their counts are not lost', () => {
  const { fold, told, warn } = folding()
  const word = (n: number) => n.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)]!)
  const events: RunEvent[] = []
  for (let n = 0; n < 1_000; n++)
    events.push({ level: 'warn', text: `kind ${word(n)}` }, { level: 'warn', text: `kind ${word(n)}` })
  for (const { text } of events) warn(text)
  fold.close()
  expect(told.filter((text) => text.startsWith('… 1 more'))).toHaveLength(1_000)
})

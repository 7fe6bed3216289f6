import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FunctionLines } from '../../../infra/clouds/functionLines.ts'
import type { FunctionOutput } from '../../../learner/run/cloud.ts'

const payload = (...shards: number[]) => Buffer.from(JSON.stringify({ leases: shards.map((shard) => ({ shard })) }))
const at = '2026-11-30T16:56:53.123Z\t6b1e-4a\t'

function heard() {
  const got: FunctionOutput[] = []
  const lines = new FunctionLines((output) => got.push(output))
  const write = (text: string | Buffer, options: Partial<Parameters<FunctionLines['add']>[0]> = {}) =>
    lines.add({ environmentId: 'e', stream: 'stdout', chunk: Buffer.from(text), payload: leases[1]!, ...options })
  return { lines, got, write }
}
const leases = [payload(0), payload(1)]

test('pieces become whole lines of their stream and shard, however they were cut, and no character is torn', () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, '')),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(texts, fc.array(fc.nat(40)), (written, cuts) => {
      const { lines, got, write } = heard()
      const bytes = Buffer.from(written.map((text) => `${text}\n`).join(''))
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
      places.slice(1).forEach((end, i) => write(bytes.subarray(places[i], end)))
      lines.close()
      expect(got).toEqual(written.map((text) => ({ shard: 1, stream: 'stdout', text })))
    }),
  )
})

test('environments, streams and leases do not mix; a last line without an end is given at the next lease and at the close', () => {
  const { lines, got, write } = heard()
  write('a')
  write('x\n', { stream: 'stderr' })
  write('b\nleft')
  write('other\n', { environmentId: 'f', payload: leases[0]! })
  write('next', { payload: leases[0]! })
  lines.close()
  expect(got).toEqual([
    { shard: 1, stream: 'stderr', text: 'x' },
    { shard: 1, stream: 'stdout', text: 'ab' },
    { shard: 0, stream: 'stdout', text: 'other' },
    { shard: 1, stream: 'stdout', text: 'left' },
    { shard: 0, stream: 'stdout', text: 'next' },
  ])
})

test('a function that works for several shards tells the run, and no shard', () => {
  const { got, write } = heard()
  write('one\n', { payload: Buffer.from(JSON.stringify({ run: 'r', leases: [{ shard: 3 }, { shard: 4 }] })) })
  expect(got).toEqual([{ run: 'r', shard: undefined, stream: 'stdout', text: 'one' }])
})

test('what the runtime puts before a line of console goes; warnings and errors count as stderr', () => {
  const { got, write } = heard()
  for (const [level, text] of [
    ['INFO', 'hello'],
    ['WARN', 'careful'],
    ['ERROR', 'broken'],
    ['TRACE', 'Trace: x'],
  ])
    write(`${at}${level}\t${text}\n`)
  expect(got.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
    'stdout hello',
    'stderr careful',
    'stderr broken',
    'stderr Trace: x',
  ])
})

test("what is not the env's is left out: anything before the first lease, the runtime's own errors, onnxruntime", () => {
  const { lines, got, write } = heard()
  write('(node:7) NodeVersionSupportWarning: the AWS SDK …\n', { stream: 'stderr', payload: undefined })
  write(`${at}ERROR\tInvoke Error {"errorType":"Error"}\n`)
  write('\x1b[0;93m2026-11-30 17:13:40.848 [W:onnxruntime:, session.cc:1] slow\n', { stream: 'stderr' })
  lines.close()
  expect(got).toEqual([])
  write(`${at}ERROR\tInvoke Error of mine\n`)
  expect(got).toHaveLength(1)
})

test('a line without an end does not grow in memory', () => {
  const { lines, got, write } = heard()
  for (let i = 0; i < 100; i++) write('x'.repeat(10_000))
  lines.close()
  expect(got.map(({ text }) => text).join('')).toHaveLength(1_000_000)
  expect(Math.max(...got.map(({ text }) => text.length))).toBeLessThan(80_000)
})

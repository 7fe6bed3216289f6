import fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cutMetrics } from '../../../library/run/cutMetrics.ts'
import { nodeFiles } from '../../../library/run/disk.ts'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  path = join(folder, 'metrics.jsonl')
})
afterAll(() => rmSync(folder, { recursive: true }))

const line = (updates: number, padding = 0) => `${JSON.stringify({ updates, note: 'ü'.repeat(padding) })}\n`

test('wherever the log was torn, it ends with the whole line of the update to go on from, or the last before it', async () => {
  const logs = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(logs, fc.nat(), fc.integer({ min: 0, max: 14 }), async (paddings, cut, updates) => {
      const lines = paddings.map((padding, n) => Buffer.from(line(n + 1, padding)))
      const whole = Buffer.concat(lines)
      const torn = whole.subarray(0, cut % (whole.length + 1))
      writeFileSync(path, torn)
      const last = await cutMetrics(path, updates, nodeFiles)
      let bytes = 0
      let expected = 0
      for (const [n, one] of lines.entries()) {
        if (n + 1 > updates || bytes + one.length > torn.length) break
        bytes += one.length
        expected = n + 1
      }
      expect(last).toBe(expected)
      expect(readFileSync(path)).toEqual(whole.subarray(0, bytes))
    }),
  )
})

test('a log of many chunks keeps all but what goes, and rubbish at its end goes', async () => {
  const lines = Array.from({ length: 3000 }, (_, n) => line(n + 1, 40))
  writeFileSync(path, `${lines.join('')}\0\0\0\n{"updates":"x"}\n[]\nnull\n{"upd`)
  expect(await cutMetrics(path, 2000, nodeFiles)).toBe(2000)
  expect(readFileSync(path, 'utf8')).toBe(lines.slice(0, 2000).join(''))
  expect(await cutMetrics(path, 0, nodeFiles)).toBe(0)
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('a log that is not there is an empty one', async () => {
  expect(await cutMetrics(join(folder, 'none.jsonl'), 5, nodeFiles)).toBe(0)
})

import fc from 'fast-check'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nodeFiles } from '../../../library/run/disk.ts'
import { setAsideDamaged } from '../../../library/run/setAside.ts'

let folder: string
let path: string
let aside: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  path = join(folder, 'metrics.jsonl')
  aside = join(folder, 'metrics.damaged')
})
beforeEach(() => rmSync(aside, { force: true }))
afterAll(() => rmSync(folder, { recursive: true }))

const good = (updates: number, padding = 0) => `${JSON.stringify({ updates, note: 'ü'.repeat(padding) })}\n`

test('wherever lines were damaged, the log has the others in their order, the file beside it has the damaged ones, and nothing is lost', async () => {
  const lines = fc.array(
    fc.oneof(
      fc.record({ padding: fc.constantFrom(0, 40, 40_000), damaged: fc.constant(false) }),
      fc.record({
        text: fc.constantFrom('', '\0\0\0', '{"upd', '[]', 'null', '{"updates":"x"}'),
        damaged: fc.constant(true),
      }),
    ),
    { maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(lines, async (chosen) => {
      rmSync(aside, { force: true })
      const texts = chosen.map((one, n) => ('text' in one ? `${one.text}\n` : good(n + 1, one.padding)))
      writeFileSync(path, texts.join(''))
      const count = await setAsideDamaged(path, aside, nodeFiles)
      const of = (damaged: boolean) => texts.filter((_, n) => chosen[n]!.damaged === damaged)
      expect(count).toBe(of(true).length)
      expect(readFileSync(path, 'utf8')).toBe(of(false).join(''))
      expect(existsSync(aside) ? readFileSync(aside, 'utf8') : '').toBe(of(true).join(''))
    }),
    { numRuns: 30 },
  )
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('where the disk fails, the log is as it was', async () => {
  const text = `${good(1)}\0\n${good(2)}`
  writeFileSync(path, text)
  const rename = () => Promise.reject(Object.assign(new Error('no'), { code: 'EIO' }))
  await expect(setAsideDamaged(path, aside, { ...nodeFiles, rename })).rejects.toMatchObject({ code: 'E_DISK' })
  expect(readFileSync(path, 'utf8')).toBe(text)
})

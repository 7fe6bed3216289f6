import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = new URL('../../scripts/compare.mjs', import.meta.url)
const { comparedPolicies, comparedRows } = (await import(script.href)) as {
  readonly comparedPolicies: (
    here: string,
    there: string,
    seeds: readonly number[],
  ) => { lines: string[]; different: number }
  readonly comparedRows: (rounds: readonly Record<'here' | 'there', Record<string, number>>[]) => {
    lines: string[]
    slower: number
  }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-compare-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A checkout whose command writes a policy that depends on the seed and on this weight. */
function checkout(name: string, weight: (seed: number) => number): string {
  const command = `import { mkdirSync, writeFileSync } from 'node:fs'
const [, , , , , seed, , out] = process.argv
mkdirSync(out)
writeFileSync(out + '/policy.onnx', String((${String(weight)})(Number(seed))))
writeFileSync(out + '/summary.json', JSON.stringify({ progress: { envSteps: 100, meanReturn: 475 } }))
process.exit(2)`
  const files = { 'package.json': '{"type":"module"}', 'dist/cli/main.js': command, 'examples/cartpole.ts': '' }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true })
    writeFileSync(join(folder, name, path), text)
  }
  return join(folder, name)
}

test('equal policies are equal, and one changed weight of one seed is found', () => {
  const here = checkout('here', (seed) => seed * 0.5)
  const same = checkout('same', (seed) => seed / 2)
  expect(comparedPolicies(here, same, [1, 2, 3])).toMatchObject({ different: 0, lines: { length: 3 } })
  const changed = checkout('changed', (seed) => (seed === 2 ? 1.0000001 : seed * 0.5))
  const { different, lines } = comparedPolicies(here, changed, [1, 2, 3])
  expect(different).toBe(1)
  expect(lines.map((line) => line.includes('DIFFERENT'))).toEqual([false, true, false])
})

test('a row that is slower in most rounds is found; one disturbed round is not enough', () => {
  const round = (here: number, there = 1) => ({ here: { rollout: here }, there: { rollout: there } })
  expect(comparedRows([round(1), round(0.5), round(1.01)]).slower).toBe(0)
  expect(comparedRows([round(0.9), round(0.95), round(1.2)])).toEqual({
    slower: 1,
    lines: ['rollout: 0.950 times the other, UNDER 0.97'],
  })
  expect(comparedRows([{ here: { fresh: 2 }, there: {} }])).toEqual({ slower: 0, lines: ['fresh: only here'] })
})

test('what is no checkout is refused', () => {
  const { status, stderr } = spawnSync(process.execPath, [script.pathname, folder], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toContain('is no checkout: it has no scripts/bundle.mjs')
})

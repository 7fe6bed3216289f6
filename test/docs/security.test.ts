import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const page = readFileSync(join(packageRoot(), 'docs/security.md'), 'utf8')

test('every test that the page names is there, and every promise of its tables names one', () => {
  const named = [...page.matchAll(/\btest\/[\w/]+\.test\.ts\b/g)].map(([path]) => path)
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((path) => !existsSync(join(packageRoot(), path)))).toEqual([])
  const tables = page.slice(page.indexOf('## Who can do what'))
  const rows = tables.split('\n').filter((line) => line.startsWith('| ') && !/ tested in +\|$/.test(line))
  expect(rows.length).toBeGreaterThan(25)
  expect(rows.filter((row) => !row.includes('.test.ts') && !/^[| -]+$/.test(row))).toEqual([])
})

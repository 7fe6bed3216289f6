// npm run learn [-- --only <pattern>] [--seeds n] [--again] [--list] [--table]: measures how algorithms learn, one run after another, each in a process of its
// own, and writes the table of docs/learning.md. Runs that are in docs/learning.json are kept. Some rows take many minutes: use a quiet machine.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { asked, measured } from './learn/measure.mjs'
import { measureMissing, readResults } from './learn/results.mjs'
import { rowsOf } from './learn/rows.mjs'
import { pageWith, tableOf, verdict } from './learn/table.mjs'

const path = (name) => new URL(`../${name}`, import.meta.url).pathname
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
})
const seeds = Number(values.seeds)
if (!Number.isInteger(seeds) || seeds < 1) throw new Error(`--seeds wants a whole number from 1, got '${values.seeds}'`)

const rows = rowsOf(asked('list', 'envs', '--json'))
const chosen = rows.filter(({ id }) => new RegExp(values.only ?? '').test(id))
if (chosen.length === 0)
  throw new Error(`no row is like '${values.only}'; there are ${rows.map(({ id }) => id).join(', ')}`)

const file = path('docs/learning.json')
if (values.list) {
  const results = readResults(file)
  for (const row of chosen) console.log(`${row.id}: ${(results[row.id] ?? []).length} runs`)
} else {
  const { ran, failed } = await measureMissing(values.table ? [] : chosen, {
    ...values,
    file,
    seeds,
    measure: measured,
    tell: console.log,
  })
  const results = readResults(file)
  writeFileSync(
    path('docs/learning.md'),
    pageWith(readFileSync(path('docs/learning.md'), 'utf8'), tableOf(rows, results)),
  )
  const short = chosen.filter((row) => verdict(row, results[row.id] ?? []) === false)
  console.log(`${ran} runs, ${failed} failed; the table is in docs/learning.md`)
  for (const row of short) console.log(`short of what is asked for: ${row.id}`)
  process.exitCode = failed > 0 ? 1 : short.length > 0 ? 2 : 0
}

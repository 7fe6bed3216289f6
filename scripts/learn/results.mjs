// What was measured, kept after every run, so that hours of work go on where they were broken off.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** @returns {Record<string, object[]>} runs by the id of their row */
export const readResults = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})

/** Written whole, or not at all. */
export function writeResults(file, results) {
  const sorted = Object.fromEntries(Object.entries(results).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(`${file}.new`, `${JSON.stringify(sorted, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/**
 * Measures what is missing, one run after another. What fails is told and left out.
 *
 * @param rows to measure
 * @param {{ file: string, seeds: number, again?: boolean, measure: (row, seed: number) => Promise<object>, tell: (text: string) => void }} options
 * @returns {Promise<{ ran: number, failed: number }>}
 */
export async function measureMissing(rows, { file, seeds, again = false, measure, tell }) {
  const done = { ran: 0, failed: 0 }
  for (const row of rows) {
    if (again) keep(file, row.id, () => [])
    for (let seed = 1; seed <= seeds; seed++) {
      const runs = readResults(file)[row.id] ?? []
      if (runs.some((run) => run.seed === seed)) continue
      tell(`${row.id}, seed ${seed}`)
      try {
        const run = await measure(row, seed)
        keep(file, row.id, (before) => [...before, run].toSorted((a, b) => a.seed - b.seed))
        done.ran++
      } catch (error) {
        tell(`${row.id}, seed ${seed}: ${error instanceof Error ? error.message : String(error)}`)
        done.failed++
      }
    }
  }
  return done
}

function keep(file, id, change) {
  const results = readResults(file)
  writeResults(file, { ...results, [id]: change(results[id] ?? []) })
}

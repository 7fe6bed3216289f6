// The table of docs/learning.md, from the rows and what was measured of them.

const count = (n) => Math.round(n).toLocaleString('en-US')
const measure = (x) => (x === null || x === undefined ? '-' : String(Number(x.toPrecision(4))))

/** Of an odd number of values; the worse one of the two in the middle for an even one. `null` counts as the worst. */
export function median(values, worst = -Infinity) {
  const known = values.map((x) => x ?? worst)
  const better = (a, b) => (worst > 0 ? b - a : a - b)
  return known.toSorted(better)[Math.ceil(known.length / 2) - 1]
}

/** Whether a row has met its bar: undefined where it has none, or was not measured. */
export function verdict(row, runs) {
  if (runs.length === 0) return undefined
  if (row.kind === 'defaults') return stepsToGoal(runs) <= row.within
  return row.atLeast === undefined ? undefined : median(runs.map((run) => run.greedyReturn)) >= row.atLeast
}

const stepsToGoal = (runs) =>
  median(
    runs.map((run) => (run.reached ? run.envSteps : Infinity)),
    Infinity,
  )

const VERDICTS = { true: 'yes', false: 'no', undefined: '' }

function cells(row, runs) {
  const { env, algorithm } = row
  const isTuned = row.kind === 'tuned'
  const bar = isTuned
    ? row.atLeast === undefined
      ? '-'
      : `≥ ${row.atLeast}`
    : `≥ ${row.reach} within ${count(row.within)}`
  const published = row.published === undefined ? '-' : `${row.published} (${row.source})`
  const head = [`\`${env}\``, `\`${algorithm}\``, isTuned ? 'tuned' : 'defaults']
  if (runs.length === 0) {
    const why = row.waitsFor === undefined ? 'not measured' : `waits for \`${row.waitsFor}\``
    return [...head, '-', '-', why, bar, '', published]
  }
  const steps = isTuned ? median(runs.map((run) => run.envSteps)) : stepsToGoal(runs)
  const returns = runs.map((run) => (isTuned ? run.greedyReturn : run.trainingReturn))
  const each = runs.length > 1 ? ` (${returns.map(measure).join(', ')})` : ' (one seed)'
  return [
    ...head,
    Number.isFinite(steps) ? count(steps) : `over ${count(row.within)}`,
    `${measure(median(runs.map((run) => run.seconds)))} s`,
    `${measure(median(returns))}${each}`,
    bar,
    VERDICTS[verdict(row, runs)],
    published,
  ]
}

const HEADS = ['env', 'algorithm', 'settings', 'env steps', 'wall clock', 'return', 'asked for', 'met', 'published']

/** @returns {string} Markdown */
export function tableOf(rows, results) {
  const body = rows.map((row) => cells(row, results[row.id] ?? []))
  const widths = HEADS.map((head, i) => Math.max(head.length, ...body.map((line) => line[i].length)))
  const padded = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [padded(HEADS), padded(widths.map((width) => '-'.repeat(width))), ...body.map(padded)].join('\n') // as oxfmt has it
}

const BEGIN = '<!-- npm run learn: what stands between these lines is written by it -->'
const END = '<!-- end -->'

/** The page with a new table. @throws Error where it has no place for one */
export function pageWith(page, table) {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/learning.md has no place for the table: '${BEGIN}' … '${END}'`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`
}

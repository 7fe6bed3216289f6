import { displayWidth, pad } from '../display/text.ts'
import { flow, wrap } from '../display/wrap.ts'

export interface TableOptions {
  /** Columns of numbers, which end at one place. */
  readonly right?: readonly number[]
  readonly width: number
}

export interface Table {
  /** None where a row would not fit: each value is named beside it then. */
  readonly head: readonly string[]
  readonly body: readonly string[]
}

/** Columns of text, each as wide as its widest cell, two spaces apart; where they do not fit, two or more lines a row: its first cell, then the others by name. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [], width }: TableOptions,
): Table {
  const [head = '', ...body] = aligned([heads, ...rows], right)
  if ([head, ...body].every((line) => displayWidth(line) <= width)) return { head: [head], body }
  return {
    head: [],
    body: rows.flatMap(([first = '', ...cells]) => {
      const named = cells.flatMap((cell, i) => (cell === '-' ? [] : [i === 0 ? cell : `${heads[i + 1]} ${cell}`]))
      return [...wrap(first, width, 2), ...flow(named, width - 2).map((line) => `  ${line}`)]
    }),
  }
}

function aligned(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return right.includes(column) ? ' '.repeat(width - displayWidth(cell)) + cell : pad(cell, width)
      })
      .join('  ')
      .trimEnd(),
  )
}

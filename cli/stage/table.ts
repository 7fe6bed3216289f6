import { displayWidth, pad } from '../display/text.ts'

/** Columns of text, each as wide as its widest cell, two spaces apart; `right` names those that are numbers. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
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

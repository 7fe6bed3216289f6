import { asciiGlyphs, type Glyphs } from '../terminal.ts'
import { count, measure } from './format.ts'

export interface ChartOptions {
  /** Columns of the whole chart, labels included. */
  readonly width: number
  /** Rows of the plot itself; the axis and its labels are two more. */
  readonly height: number
  /** Drawn as a dashed line, and always in view. */
  readonly goal?: number | undefined
  readonly glyphs?: Glyphs
}

/**
 * A curve drawn as text: columns filled up to the curve in eighths of a row, linear between its points.
 *
 * @param points (x, y) in rising x; points that are not finite are left out
 * @returns lines, none wider than `width`; none at all when no point is left or there is no room
 */
export function chart(points: readonly (readonly [number, number])[], options: ChartOptions): string[] {
  const { height, goal, glyphs = asciiGlyphs } = options
  const usable = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  const first = usable[0]
  const last = usable.at(-1)
  if (!first || !last || height < 2) return []

  const ys = usable.map(([, y]) => y)
  let low = ys.reduce((a, b) => Math.min(a, b), goal ?? Infinity)
  let high = ys.reduce((a, b) => Math.max(a, b), goal ?? -Infinity)
  if (low === high) [low, high] = [low - 1, high + 1]

  const goalRow = goal === undefined ? undefined : rowOf(goal, { low, high, height })
  const labels = Array.from({ length: height }, (_, row) => {
    if (row === goalRow && goal !== undefined) return measure(goal)
    if (row === height - 1) return goalRow === row ? '' : measure(high)
    return row === 0 ? measure(low) : ''
  })
  const gutter = Math.max(...labels.map((label) => label.length))
  const columns = options.width - gutter - 3
  if (columns < 8) return []

  const levels = columnLevels(usable, columns).map((y) => eighths(y, { low, high, height }))
  const lines: string[] = []
  for (let row = height - 1; row >= 0; row--) {
    const label = labels[row] ?? ''
    const empty = row === goalRow ? glyphs.dash : ' '
    const cells = levels.map((level) => cell(level - row * 8, glyphs) ?? empty).join('')
    lines.push(`${label.padStart(gutter + 1)} ${label ? glyphs.tick : glyphs.axis}${cells}`.trimEnd())
  }
  lines.push(`${' '.repeat(gutter + 2)}${glyphs.corner}${glyphs.floor.repeat(columns)}`)
  const unit = `${count(last[0])} env steps`
  lines.push(`${' '.repeat(gutter + 3)}0${unit.slice(0, columns - 1).padStart(columns - 1)}`)
  return lines
}

interface Scale {
  readonly low: number
  readonly high: number
  readonly height: number
}

/** How high a value stands, in eighths of a row; at least one, so that the lowest point is seen. */
function eighths(y: number | undefined, { low, high, height }: Scale): number {
  if (y === undefined) return 0
  return Math.min(height * 8, Math.max(1, Math.round(((y - low) / (high - low)) * height * 8)))
}

function rowOf(y: number, scale: Scale): number {
  return Math.min(scale.height - 1, Math.ceil(eighths(y, scale) / 8) - 1)
}

function cell(level: number, glyphs: Glyphs): string | undefined {
  return level <= 0 ? undefined : (glyphs.columns[Math.min(8, level) - 1] ?? glyphs.barFull)
}

/** The curve's height at the right edge of each column; none left of the first point. */
function columnLevels(points: readonly (readonly [number, number])[], columns: number): (number | undefined)[] {
  const end = points.at(-1)?.[0] ?? 0
  let next = 0
  return Array.from({ length: columns }, (_, column) => {
    const x = (end * (column + 1)) / columns
    while (next < points.length && (points[next]?.[0] ?? Infinity) < x) next++
    const after = points[Math.min(next, points.length - 1)]
    const before = points[next - 1]
    if (!after) return undefined
    if (!before) return after[0] <= x ? after[1] : undefined
    if (after[0] <= before[0]) return after[1]
    return before[1] + ((after[1] - before[1]) * (Math.min(x, after[0]) - before[0])) / (after[0] - before[0])
  })
}

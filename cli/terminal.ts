import pc from 'picocolors'

/** A stream of text: the terminal, a pipe, a test. */
export interface Terminal {
  /** False for a pipe or a file: no escape codes, nothing redrawn. */
  readonly isTTY: boolean
  readonly columns: number
  readonly colors: Colors
  readonly glyphs: Glyphs
  write(text: string): void
}

/** The few colours the command uses; every one is the identity where there must be no escape codes. */
export type Colors = Pick<ReturnType<typeof pc.createColors>, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>

// Named, not left to picocolors to find out: it also colours pipes when CI is set.
export const ansiColors: Colors = pc.createColors(true)
export const noColors: Colors = pc.createColors(false)

/** Characters to draw with. */
export interface Glyphs {
  /** Eighths of a full cell, from one eighth up. */
  readonly columns: readonly string[]
  readonly barFull: string
  readonly barEmpty: string
  readonly dash: string
  readonly axis: string
  readonly tick: string
  readonly corner: string
  readonly floor: string
  readonly dot: string
  readonly plusMinus: string
  /** Of a checklist. */
  readonly passed: string
  readonly failed: string
  readonly skipped: string
}

export const unicodeGlyphs: Glyphs = {
  columns: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  barFull: '█',
  barEmpty: '░',
  dash: '┄',
  axis: '│',
  tick: '┤',
  corner: '└',
  floor: '─',
  dot: '·',
  plusMinus: '±',
  passed: '✓',
  failed: '✗',
  skipped: '○',
}

export const asciiGlyphs: Glyphs = {
  columns: ['.', '.', ':', ':', '|', '|', '#', '#'],
  barFull: '#',
  barEmpty: '-',
  dash: '-',
  axis: '|',
  tick: '+',
  corner: '+',
  floor: '-',
  dot: '-',
  plusMinus: '+/-',
  passed: 'ok',
  failed: 'FAILED',
  skipped: '-',
}

/** Environment variables. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Colours on a terminal, unless NO_COLOR (https://no-color.org) or a dumb terminal says otherwise; never into a pipe. */
export function chooseColors(isTTY: boolean, env: Variables): Colors {
  return isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? ansiColors : noColors
}

/** Unicode, unless the locale is named and is not UTF-8, or the terminal is known to lack the glyphs. */
export function chooseGlyphs(env: Variables): Glyphs {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || 'UTF-8'
  const capable = env['TERM'] !== 'dumb' && env['TERM'] !== 'linux'
  return capable && /utf-?8/i.test(locale) ? unicodeGlyphs : asciiGlyphs
}

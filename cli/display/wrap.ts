import { printableWithColors } from '../../shared/printable.ts'
import type { Terminal } from '../terminal.ts'
import { displayWidth, splitAt } from './text.ts'

/**
 * One line of text in lines of at most `width` columns, broken between words; a word wider than a line is broken too. Every line after the first
 * begins with `indent` spaces, or fewer where those would leave less than half of the line. Escape codes take no room and stay where they are.
 */
export function wrap(text: string, width: number, indent = 0): string[] {
  if (displayWidth(text) <= width) return [text]
  const margin = ' '.repeat(Math.max(0, Math.min(indent, Math.floor(width / 2))))
  const lines: string[] = []
  let line = ''
  let empty = true
  for (const [, gap = '', whole = ''] of text.matchAll(/(\s*)(\S+)/g)) {
    if (!empty && displayWidth(line + gap + whole) > width) {
      lines.push(line)
      line = margin
      empty = true
    }
    // What a text begins with is its own indent; no later line begins with the space between two words.
    if (lines.length === 0 || !empty) line += empty ? gap.slice(0, Math.floor(width / 2)) : gap
    let word = whole
    while (displayWidth(line + word) > width) {
      const [piece, rest] = splitAt(word, width - displayWidth(line))
      if (piece === '' && line === '') break // not even one character has room in a line
      if (piece === '') {
        line = ''
        continue
      }
      lines.push(line + piece)
      word = rest
      line = margin
    }
    line += word
    empty = false
  }
  lines.push(line)
  return lines
}

/** Fills lines with parts, in order, `gap` columns apart; a part wider than a line has lines of its own. */
export function flow(parts: readonly string[], width: number, gap = 3): string[] {
  const lines: string[] = []
  let line = ''
  for (const part of parts) {
    const joined = line === '' ? part : line + ' '.repeat(gap) + part
    if (line !== '' && displayWidth(joined) > width) {
      lines.push(line)
      line = part
    } else {
      line = joined
    }
  }
  if (line !== '') lines.push(line)
  return lines.flatMap((l) => wrap(l.trimEnd(), width, 2))
}

/** Columns of a line: endless where nobody looks at it. */
export const lineWidth = (out: Pick<Terminal, 'isTTY' | 'columns'>): number => (out.isTTY ? out.columns : Infinity)

/**
 * Text as a stream takes it: on a terminal each line is broken between words where it does not fit, and goes on under its own beginning plus two
 * spaces (or under `indent`); into a pipe or a file a line stays a line, one for each fact. Frames of a stack are left whole: they are links.
 * Nothing of it but colours is obeyed by the terminal, whoever wrote it (`printable`).
 */
export function fit(text: string, out: Pick<Terminal, 'isTTY' | 'columns'>, indent?: number): string {
  const width = lineWidth(out)
  const fitted = (line: string) => (/^\s+at /.test(line) ? [line] : wrap(line, width, indent ?? leading(line) + 2))
  return printableWithColors(text).split('\n').flatMap(fitted).join('\n')
}

const leading = (line: string): number => line.length - line.trimStart().length

/** Prints lines, each as `fit` says. */
export function print(out: Terminal, lines: string | readonly string[], indent?: number): void {
  const all = typeof lines === 'string' ? [lines] : lines
  out.write(all.map((line) => `${fit(line, out, indent)}\n`).join(''))
}

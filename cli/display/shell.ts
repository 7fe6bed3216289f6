import type { Terminal } from '../terminal.ts'
import { displayWidth } from './text.ts'
import { lineWidth, wrap } from './wrap.ts'

/** A path or another word as a shell takes it, whatever is in it; one that begins with a hyphen is no option. */
export function quoted(word: string): string {
  const safe = word.startsWith('-') ? `./${word}` : word
  return /^[\w./@:+,-][\w./@:+,=-]*$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`
}

/**
 * A command to copy, in lines that fit: broken between words, with a backslash at the end of a line, so that what is copied is still the command.
 * A word wider than a line stays whole.
 *
 * @param indent columns before the command, and two more before its further lines
 */
export function commandLines(command: string, width: number, indent = 0): string[] {
  const [first = '', ...words] = command.match(/(?:'[^']*'|\\[\s\S]|[^\s'\\])+/g) ?? []
  const lines: string[] = []
  let line = ' '.repeat(indent) + first
  for (const [i, word] of words.entries()) {
    const more = i < words.length - 1 ? 2 : 0 // room for the backslash
    if (displayWidth(`${line} ${word}`) + more <= width) {
      line += ` ${word}`
      continue
    }
    lines.push(`${line} \\`)
    line = ' '.repeat(indent + 2) + word
  }
  return [...lines, line]
}

/** A command to copy behind its label; its further lines are indented as far as the label. A long label has lines of its own. */
export function commandRow(label: string, command: string, width: number): string[] {
  const beside = commandLines(command, width, displayWidth(label))
  const [first = '', ...more] = beside
  if (displayWidth(label) * 2 <= width && beside.every((line) => displayWidth(line) <= width))
    return [label + first.trimStart(), ...more]
  return [...wrap(label.trimEnd(), width, 2), ...commandLines(command, width, 4)]
}

export function printCommand(out: Terminal, label: string, command: string): void {
  out.write(
    commandRow(label, command, lineWidth(out))
      .map((line) => `${line}\n`)
      .join(''),
  )
}

import { printable } from './printable.ts'

/** One line of printable text out of anything a user or a library wrote: white space becomes one space, and the rest is as `printable` shows it. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, ' ')).trim()
}

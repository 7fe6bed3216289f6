// oxlint-disable-next-line no-control-regex
const SGR = /\x1b\[[0-9;]*m/g

/** One line of printable text out of anything a user or a library wrote: white space and control characters become one space. */
export function oneLine(text: string): string {
  return text
    .replace(SGR, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}

// oxlint-disable-next-line no-control-regex
const SGR = /\x1b\[[0-9;]*m/g
// oxlint-disable-next-line no-control-regex
const TOKENS = /\x1b\[[0-9;]*m|[\s\S]/gu

/** Columns a text takes in a terminal: escape codes none, combining marks none, East Asian wide characters and emoji two. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text.replace(SGR, '')) width += characterWidth(character)
  return width
}

/** A text cut to at most `width` columns; escape codes in it are kept, so that no colour leaks out of the line. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let room = width
  let clipped = ''
  for (const token of text.match(TOKENS) ?? []) {
    if (token.length > 2 && token.startsWith('\x1b')) {
      clipped += token
      continue
    }
    room -= characterWidth(token)
    if (room >= 0) clipped += token
  }
  return clipped
}

/** The first `width` columns of a text, and the rest of it; every escape code is in one of the two. */
export function splitAt(text: string, width: number): [head: string, rest: string] {
  let room = width
  let length = 0
  for (const token of text.match(TOKENS) ?? []) {
    if (!(token.length > 2 && token.startsWith('\x1b'))) room -= characterWidth(token)
    if (room < 0) break
    length += token.length
  }
  return [text.slice(0, length), text.slice(length)]
}

/** A text padded with spaces to `width` columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0
  if (code < 0x300) return 1
  if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) return 0
  return isWide(code) ? 2 : 1
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  )
}

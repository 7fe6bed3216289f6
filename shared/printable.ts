// CSI and OSC sequences, and other escapes.
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\x1b\[[\d:;<=>?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]/g
// oxlint-disable-next-line no-control-regex
const COLOR = /(\x1b\[[\d;]*m)/
/** Control characters but a line's end and a tab; those that turn the direction of text (bidi); those that take no room. */
const HIDDEN = /[^\P{Cc}\n\t]|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu
/** Nearly every text: nothing to look at closer. */
const PLAIN = /^[\n\t -~]*$/

/**
 * Text from outside (an env, a function, a bucket, a name) as a terminal and a log can show it without harm: what it says can be seen, and
 * nothing of it is obeyed. Escape sequences (colours, cursor movements, titles) are left out; other control characters, and those
 * that turn or hide text, are shown as JSON writes them: `\u202e`. Ends of lines and tabs stay. Twice is as once.
 */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(ESCAPES, '').replace(HIDDEN, escaped)
}

/** The same for a text that Millrace has coloured: colours stay. */
export function printableWithColors(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .split(COLOR)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join('')
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

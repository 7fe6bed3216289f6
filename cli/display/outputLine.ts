import type { FunctionOutput } from '../../learner/runCloud.ts'

const MAX_CHARACTERS = 500
const TAB = '    '
// CSI and OSC sequences, other escapes; then every control character that is left, and those that turn the direction of text.
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\x1b\[[\d:;<=>?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]/g
const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** A line that an env wrote, as a terminal can show it without harm: `shard 1 | text`. Colours and other escape codes are left out. */
export function outputLine({ shard, text }: FunctionOutput): string {
  // What a terminal would show of a line that is written over itself.
  const last = text.slice(text.lastIndexOf('\r') + 1)
  const plain = last.replace(ESCAPES, '').replaceAll('\t', TAB).replace(CONTROLS, '\ufffd').trimEnd()
  const shown = plain.length > MAX_CHARACTERS ? `${plain.slice(0, MAX_CHARACTERS)}…` : plain
  return `${shard === undefined ? 'env' : `shard ${shard}`} | ${shown}`
}

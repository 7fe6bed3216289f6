import type { FunctionOutput } from '../../learner/run/cloud.ts'
import { printable } from '../../shared/printable.ts'

const MAX_CHARACTERS = 500
const TAB = '    '
/** A line that an env wrote, as `printable` shows it: `shard 1 | text`. */
export function outputLine({ shard, text }: FunctionOutput): string {
  // What a terminal would show of a line that is written over itself.
  const last = text.slice(text.lastIndexOf('\r') + 1)
  const plain = printable(last.replaceAll('\n', ' ')).replaceAll('\t', TAB).trimEnd()
  const shown = plain.length > MAX_CHARACTERS ? `${plain.slice(0, MAX_CHARACTERS)}…` : plain
  return `${shard === undefined ? 'env' : `shard ${shard}`} | ${shown}`
}

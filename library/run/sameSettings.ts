import { isDeepStrictEqual } from 'node:util'

/** Settings that may change between two attempts: when the run ends, which faults are injected, how many streams and functions there are; but not how it learns. */
const FREE = ['stop', 'budget', 'faults', 'rollouts.shards', 'rollouts.functions']
const SHOWN = 5

/** By dotted path, what is different in two experiments as `config.json` has them, as `rollouts.shards was 2 and is 4`. */
export function differences(was: unknown, is: unknown): string[] {
  return compare('', JSON.parse(JSON.stringify(was)), JSON.parse(JSON.stringify(is)))
}

/** The first few of them as one sentence part. */
export function listed(changes: readonly string[]): string {
  const more = changes.length > SHOWN ? `, and ${changes.length - SHOWN} more` : ''
  return changes.slice(0, SHOWN).join(', ') + more
}

function compare(path: string, was: unknown, is: unknown): string[] {
  if (FREE.includes(path) || isDeepStrictEqual(was, is)) return []
  if (!isRecord(was) || !isRecord(is)) return [`${path || 'the experiment'} was ${shown(was)} and is ${shown(is)}`]
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()
  return keys.flatMap((key) => compare(path === '' ? key : `${path}.${key}`, was[key], is[key]))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value))

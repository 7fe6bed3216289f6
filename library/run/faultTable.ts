import type { FunctionFateCounts, LeaseFateCounts } from '../../learner/rollouts/leases/leaseFates.ts'
import type { FaultRecord, FragmentAccount } from './faultRecord.ts'

/** A kind of fault: which counts of the emulated cloud are of it, and what the learner saw of it where it can see it. */
interface Kind {
  readonly name: string
  readonly injected: RegExp
  readonly seen?: (record: FaultRecord) => number
}

const lease = (fate: keyof LeaseFateCounts) => (record: FaultRecord) => record.leases?.[fate] ?? 0
const ended = (fate: keyof FunctionFateCounts) => (record: FaultRecord) => record.functions?.[fate] ?? 0
const became = (fate: keyof FragmentAccount['became']) => (record: FaultRecord) => record.account?.became[fate] ?? 0
const failing = (service: string) => new RegExp(`^(throttled|5xx|outage|dropped before|dropped after) ${service}\\.`)
const failed = (of: string) => (record: FaultRecord) => record.failedCalls[of] ?? 0

const KINDS: readonly Kind[] = [
  { name: 'functions that crashed', injected: /^crash /, seen: ended('crashed') },
  { name: 'functions that ran out of time', injected: /^time-out$/, seen: ended('timedOut') },
  { name: 'functions out of memory', injected: /^out of memory$/, seen: ended('outOfMemory') },
  { name: 'messages that came twice', injected: /^message (duplicated|delivered twice)$/, seen: became('duplicate') },
  { name: 'messages that came late', injected: /^message (delayed|reordered)$/ },
  {
    name: 'damaged messages',
    injected: /^message (altered|truncated)$/,
    seen: ({ account }) => account?.seen.corrupt ?? 0,
  },
  { name: 'damaged objects', injected: /^object / },
  { name: 'calls of S3 that failed', injected: failing('s3'), seen: failed('s3') },
  { name: 'calls of SQS that failed', injected: failing('sqs'), seen: failed('sqs') },
  { name: 'calls of Lambda that failed', injected: failing('lambda'), seen: failed('lambda') },
  { name: '  of these in an outage', injected: /^outage / },
  { name: 'slow calls', injected: /^slow / },
  { name: 'functions with a wrong clock', injected: /^clock skewed$/ },
]

export interface FaultRow {
  readonly kind: string
  readonly injected: number
  /** In attempts that did not fail by themselves: those that ended, or whose learner was killed. */
  readonly survived: number
  /** Undefined where the learner cannot know of it. */
  readonly seen: number | undefined
}

/** All attempts at a run together, by kind of fault; kinds that never happened are left out. */
export function faultRows(records: readonly FaultRecord[]): FaultRow[] {
  const rows = KINDS.map(({ name, injected, seen }) => {
    const of = (list: readonly FaultRecord[]) => sum(list.map((record) => matching(record, injected)))
    const survivors = records.filter(({ end }) => end !== 'failed')
    return {
      kind: name,
      injected: of(records),
      survived: of(survivors),
      seen: seen && sum(records.map((record) => seen(record))),
    }
  })
  return rows.filter(({ injected, seen = 0 }) => injected + seen > 0)
}

/** The whole account of a run as text: faults, fragments and leases, all attempts together. */
export function faultLines(records: readonly FaultRecord[]): string[] {
  const rows = faultRows(records)
  const faults = rows.map(({ kind, ...counts }) => [kind, counts.injected, counts.survived, counts.seen] as const)
  const kills = records.filter(({ end }) => end === 'killed').length
  const learners = kills > 0 ? [['learners that were killed', kills, kills, kills] as const] : []
  return [
    ...table(['faults', 'injected', 'survived', 'seen'], [...faults, ...learners]),
    ...table(['fragments', ''], fragmentRows(records)),
    ...table(['leases', ''], leaseRows(records)),
  ]
}

function fragmentRows(records: readonly FaultRecord[]): (readonly [string, number])[] {
  const accounts = records.flatMap(({ account }) => (account ? [account] : []))
  const of = (pick: (account: FragmentAccount) => number) => sum(accounts.map(pick))
  return [
    ['sent by functions', of(({ sent }) => sent.fragments)],
    ['copies of them', of(({ sent }) => sent.copies)],
    ['delivered again', of(({ sent }) => sent.again)],
    ['= trained on, once', of((a) => a.became.trained)],
    ['+ trained on, undone by a kill', of((a) => a.became.undone)],
    ['+ dropped as stale', of((a) => a.became.stale)],
    ['+ dropped as duplicates', of((a) => a.became.duplicate)],
    ['+ rejected', of((a) => a.became.rejected)],
    ['+ lost with a killed learner', of((a) => a.became.lost)],
    ['+ undelivered at the end', of((a) => a.became.undelivered)],
    ['+ in hand at the end', of((a) => a.became.inHand)],
    ['+ unexplained', of((a) => a.unexplained)],
  ]
}

const LEASE_ROWS: readonly (readonly [string, keyof LeaseFateCounts])[] = [
  ['issued', 'issued'],
  ['= ended in order', 'ended'],
  ['+ failed with an error', 'failed'],
  ['+ crashed', 'crashed'],
  ['+ ran out of time', 'timedOut'],
  ['+ out of memory', 'outOfMemory'],
  ['+ never started', 'notStarted'],
  ['+ lost without a word', 'lost'],
  ['+ throttled', 'throttled'],
  ['+ invocation without an answer', 'unanswered'],
  ['+ open at the end', 'open'],
]

const leaseRows = (records: readonly FaultRecord[]): (readonly [string, number])[] =>
  LEASE_ROWS.map(([name, fate]) => [name, sum(records.map(lease(fate)))])

type Row = readonly [name: string, ...counts: readonly (number | undefined)[]]

function table([title = '', ...columns]: readonly string[], rows: readonly Row[]): string[] {
  const width = Math.max(title.length, ...rows.map(([name]) => name.length))
  const line = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(width)}${cells.map((cell) => `  ${cell.padStart(9)}`).join('')}`.trimEnd()
  const count = (value: number | undefined) => (value === undefined ? '-' : value.toLocaleString('en-US'))
  const body = rows.length > 0 ? rows.map(([name, ...counts]) => line(name, counts.map(count))) : ['  none']
  return [line(title, columns).slice(2), ...body]
}

const matching = ({ injected }: FaultRecord, kind: RegExp): number =>
  sum(Object.entries(injected).map(([name, count]) => (kind.test(name) ? count : 0)))

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)

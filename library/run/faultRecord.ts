import type { CloudFaults, FragmentFates } from '../../learner/fragmentFates.ts'
import type { FaultSetting } from '../../shared/faults/index.ts'

/** One attempt at a run in `faults.json`: every fault that it met, and what became of every fragment that was sent. */
export interface FaultRecord {
  readonly attempt: number
  readonly setting: FaultSetting
  /** By kind, as the emulated cloud injected them. */
  readonly injected: Readonly<Record<string, number>>
  /** Absent while the attempt goes on, and so of one that was killed. */
  readonly account?: FragmentAccount
}

export interface FragmentAccount {
  readonly sent: {
    /** By functions, taken by the queue. */
    readonly fragments: number
    /** Added by the emulated cloud. */
    readonly copies: number
    /** Delivered more than once. */
    readonly again: number
  }
  readonly became: {
    readonly trained: number
    readonly stale: number
    readonly duplicate: number
    /** Corrupt, or asked for by nobody; of fragments alone. */
    readonly rejected: number
    /** In the queue when the run ended, or in a delivery that never arrived. */
    readonly undelivered: number
    /** Found good, and not trained on when the run ended. */
    readonly inHand: number
  }
  /** What the learner saw: messages that it put away, and warnings. */
  readonly seen: { readonly corrupt: number; readonly foreign: number; readonly warnings: number }
  /** Fragments that were sent and of which nothing is known: 0, or something is wrong. */
  readonly unexplained: number
}

/** What an attempt is known by when it ends. */
export interface FaultSources {
  readonly attempt: number
  readonly setting: FaultSetting
  readonly cloud: CloudFaults
  readonly fates: FragmentFates
  readonly warnings: number
}

/** Sent, copied and delivered again is what was trained on or dropped with a reason. The two sides are counted apart from each other. */
export function faultRecord({ attempt, setting, cloud, fates, warnings }: FaultSources): FaultRecord {
  const { injected, sent, copied, again, undelivered, rejectedOthers } = cloud
  const { trained, stale, duplicate, corrupt, foreign, inHand } = fates
  const rejected = corrupt + foreign - rejectedOthers
  const out = trained + stale + duplicate + rejected + undelivered + inHand
  const account = {
    sent: { fragments: sent, copies: copied, again },
    became: { trained, stale, duplicate, rejected, undelivered, inHand },
    seen: { corrupt, foreign, warnings },
    unexplained: sent + copied + again - out,
  }
  return { attempt, setting, injected, account }
}

/** The record as two tables, a line each: what was injected, and what became of the fragments. */
export function faultLines({ injected, account }: FaultRecord): string[] {
  const rows = Object.entries(injected)
  const fates = account ? fatesOf(account) : []
  const width = Math.max(...[...rows, ...fates].map(([name]) => name.length))
  const row = ([name, count]: readonly [string, number]) =>
    `  ${name.padEnd(width)}  ${count.toLocaleString('en-US').padStart(9)}`
  const injectedRows = rows.length > 0 ? rows.map(row) : ['  none']
  const title = 'fragments: the first three together are the others together'
  return ['faults injected', ...injectedRows, ...(account ? [title, ...fates.map(row)] : [])]
}

const fatesOf = ({ sent, became, unexplained }: FragmentAccount): (readonly [string, number])[] => [
  ['sent by functions', sent.fragments],
  ['copies', sent.copies],
  ['delivered again', sent.again],
  ['trained on', became.trained],
  ['dropped as stale', became.stale],
  ['dropped as duplicates', became.duplicate],
  ['rejected', became.rejected],
  ['undelivered at the end', became.undelivered],
  ['in hand at the end', became.inHand],
  ['unexplained', unexplained],
]

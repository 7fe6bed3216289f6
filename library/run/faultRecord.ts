import type { AttemptFates, CloudFaults } from '../../learner/run/fragmentFates.ts'
import type { FunctionFateCounts, LeaseFateCounts } from '../../learner/rollouts/leases/leaseFates.ts'
import type { FaultSetting } from '../../shared/faults/index.ts'

/** How an attempt at a run ended. One that is `running` when the next begins was killed. */
export type AttemptEnd = 'running' | 'ended' | 'failed' | 'killed'

/** One attempt at a run in `faults.json`: every fault that it met, and what became of every fragment and every lease. */
export interface FaultRecord {
  readonly attempt: number
  readonly setting: FaultSetting
  readonly end: AttemptEnd
  /** The moment of which all below is true: several times a second, before every checkpoint, and at the end. */
  readonly at: { readonly elapsedMs: number; readonly updates: number }
  /** Env steps that the run had trained on when the attempt began. */
  readonly beganTrainedSteps: number
  /** By kind, as the emulated cloud injected them. */
  readonly injected: Readonly<Record<string, number>>
  /** Requests of the learner that failed, by service. Those of functions are not known. */
  readonly failedCalls: Readonly<Record<string, number>>
  /** Warnings that the learner gave. */
  readonly warnings: number
  /** Absent until the learner has begun. */
  readonly account?: FragmentAccount
  readonly leases?: LeaseFateCounts
  /** Functions that ended without a word, with all leases that they worked on. */
  readonly functions?: FunctionFateCounts
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
    /** Once each, and in the weights that the run went on with. */
    readonly trained: number
    /** Trained on after the last checkpoint of a learner that was then killed: the weights went with it. */
    readonly undone: number
    readonly stale: number
    readonly duplicate: number
    /** Corrupt, or asked for by nobody; of fragments alone. */
    readonly rejected: number
    /** In the queue when the attempt ended, or in a delivery that never arrived. */
    readonly undelivered: number
    /** Received, and not trained on when the attempt ended. */
    readonly inHand: number
    /** The two above, where the learner was killed. */
    readonly lost: number
  }
  /** Messages that the learner put away. */
  readonly seen: { readonly corrupt: number; readonly foreign: number }
  /** Fragments that were sent and of which nothing is known: 0, or something is wrong. */
  readonly unexplained: number
}

/** What an attempt is known by, at one moment of it. */
export interface FaultSources extends Omit<FaultRecord, 'at' | 'injected' | 'account' | 'leases' | 'functions'> {
  readonly elapsedMs: number
  readonly cloud: CloudFaults
  /** Undefined until the learner has begun. */
  readonly fates: AttemptFates | undefined
}

/** Sent, copied and delivered again is what was trained on or dropped with a reason. The two sides are counted apart from each other. */
export function faultRecord({ elapsedMs, cloud, fates, ...rest }: FaultSources): FaultRecord {
  const { injected } = cloud
  const at = { elapsedMs: Math.round(elapsedMs), updates: fates?.updates ?? 0 }
  const record = { ...rest, at, injected }
  if (!fates) return record
  return { ...record, account: accountOf(cloud, fates), leases: fates.leases, functions: fates.functions }
}

function accountOf(cloud: CloudFaults, { fragments }: AttemptFates): FragmentAccount {
  const { sent, copied, again, undelivered, rejectedOthers } = cloud
  const { trained, stale, duplicate, corrupt, foreign, inHand } = fragments
  const rejected = corrupt + foreign - rejectedOthers
  const became = { trained, undone: 0, stale, duplicate, rejected, undelivered, inHand, lost: 0 }
  return {
    sent: { fragments: sent, copies: copied, again },
    became,
    seen: { corrupt, foreign },
    unexplained: sent + copied + again - sumOf(became),
  }
}

/** Where a run goes on. */
export interface WentOn {
  /** Of the run, in the checkpoint that it goes on from; 0 without one. */
  readonly trainedSteps: number
  readonly stepsPerFragment: number
}

/**
 * The record of an earlier attempt once another goes on: what the checkpoint does not hold was trained on in vain, and what a killed
 * learner had not yet trained on is lost with it. The sums stay.
 */
export function settled(record: FaultRecord, { trainedSteps, stepsPerFragment }: WentOn): FaultRecord {
  const end = record.end === 'running' ? 'killed' : record.end
  const { account } = record
  if (!account) return { ...record, end }
  const { became } = account
  const holds = Math.max(0, trainedSteps - record.beganTrainedSteps) / stepsPerFragment
  const trained = Math.min(became.trained, holds)
  const undone = became.undone + became.trained - trained
  const { undelivered, inHand } = became
  const left = end === 'killed' ? { undelivered: 0, inHand: 0, lost: became.lost + undelivered + inHand } : {}
  return { ...record, end, account: { ...account, became: { ...became, trained, undone, ...left } } }
}

const sumOf = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

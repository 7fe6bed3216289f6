import type { FunctionFateCounts, LeaseFateCounts } from '../rollouts/leases/leaseFates.ts'

/** What is known of one attempt at a run, at one moment of it. */
export interface AttemptFates {
  readonly updates: number
  /** Of the whole run, the attempts before included. */
  readonly trainedSteps: number
  readonly fragments: FragmentFates
  readonly leases: LeaseFateCounts
  readonly functions: FunctionFateCounts
}

/** What became of the fragments that a learner was given in one attempt at a run, from its first moment until now. */
export interface FragmentFates {
  /** Each once. */
  readonly trained: number
  readonly stale: number
  /** Deliveries of a fragment that was there already. */
  readonly duplicate: number
  /** Messages that could not be read, or held what cannot be. Goodbyes of functions count here, too. */
  readonly corrupt: number
  /** Messages that nobody asked for, likewise. */
  readonly foreign: number
  /** Not judged yet, or found good and not trained on. */
  readonly inHand: number
}

/** What an emulated cloud knows of the messages of a run, and of the faults it injected; see `RunCloud.faultReport`. */
export interface CloudFaults {
  /** By kind. */
  readonly injected: Readonly<Record<string, number>>
  /** Requests of the learner that failed, by service. */
  readonly failedCalls: Readonly<Record<string, number>>
  /** Fragments that functions put into the queue. */
  readonly sent: number
  /** Copies of fragments that the cloud added. */
  readonly copied: number
  /** Fragments and their copies that the learner was never given. */
  readonly undelivered: number
  /** Deliveries of a fragment after its first. */
  readonly again: number
  /** Messages that the learner put away and that were no fragments. */
  readonly rejectedOthers: number
}

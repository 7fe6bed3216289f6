import { OUTAGE_MS } from '../../../shared/cloud/patience.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { MillraceError, type Where } from '../../../shared/errors.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { DAMAGED } from '../../../shared/rollout/damaged.ts'
import { Crashes } from './crashes.ts'
import { type EnvFault, EnvFaults } from './envFaults.ts'
import { Failures } from './failures.ts'
import type { Held } from './issuer.ts'

/** A function may be late by this much before its lease counts as lost. */
export const GRACE_MS = 5_000
/** Leases of one shard that may fail in a row, without a single fragment, before the run ends with their error; more in an outage of S3 or SQS. */
const MAX_FAILURES = 3
/** Lambda tries for a minute to start a function, and says some time later that it could not: sooner, silence means nothing. */
const SILENCE_MS = 120_000

const CRASHES =
  'the env may end its process (process.exit), throw outside of step (a timer, a promise), or take more memory than a function has'
const SILENT =
  'the env may hang in step or reset, or take longer for a fragment than a lease lasts (rollouts.leaseSeconds) or than the ' +
  "function's time-out allows"

export interface FailedLeasesOptions {
  readonly clock: Clock
  /** Must a lease make the same data whenever it runs? */
  readonly exact: boolean
  /** T, steps of each env in a fragment. */
  readonly fragmentLength: number
  /** Was the queue listened to without a break since then (monotonic ms), so that whatever was sent has come? */
  readonly heardAllSince: (ms: number) => boolean
  /** Has S3 or SQS failed the learner since then (monotonic ms)? */
  readonly outageSince: (ms: number) => boolean
  readonly onEvent: (text: string) => void
  /** The run cannot go on. */
  readonly onFatal: (error: unknown) => void
}

/** Tells of leases that failed, whatever ended them, and ends the run where there were too many of them. */
export class FailedLeases {
  private readonly options: FailedLeasesOptions
  private readonly failures = new Failures()
  private readonly faults: EnvFaults
  private readonly crashes = new Crashes()
  /** By shard: leases that failed in a row, whatever they failed with. */
  private readonly inARow = new Map<number, number>()

  constructor(options: FailedLeasesOptions) {
    this.options = options
    this.faults = new EnvFaults(options)
  }

  open(shards: number): void {
    this.faults.open(shards)
  }

  /** A fragment came, in which that many episodes ended. */
  fragment(shard: number, episodes: number): void {
    this.failures.forget(shard)
    this.faults.fragment(shard, episodes)
    this.crashes.fragment(shard)
  }

  /** A lease ended in order. It waited for a policy, or for the learner, and said so: nothing hangs. */
  worked(shard: number): void {
    this.failures.forget(shard)
    this.faults.worked(shard)
    this.crashes.worked(shard)
    this.inARow.delete(shard)
  }

  /** The number of the shard's next try, from 1. */
  nextTry(shard: number): number {
    const tries = (this.inARow.get(shard) ?? 0) + 1
    this.inARow.set(shard, tries)
    return tries
  }

  /** It turned out that this lease was nobody's failure. */
  notStarted(shard: number, lease: string): void {
    this.failures.withdraw(shard, lease)
  }

  /** A goodbye said that its lease failed. @param isOfState there is an earlier state to go on from, or in the end none; @returns whether the run is over */
  withError({ shard, lease, fragments, error }: LeaseReport, held: Held, isOfState: boolean): boolean {
    if (isOfState) {
      this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${error?.message ?? 'no reason given'}`)
      return false
    }
    return EnvFaults.are(error) ? this.ofEnv(held, { shard, lease, fragments, error }) : this.other(held, error)
  }

  /** The platform says that its function came to nothing. @returns whether the run is over */
  crashed(held: Held, reason: string): boolean {
    const { shard, lease } = held
    if (this.other(held, { code: 'E_ROLLOUT', message: reason })) return true
    const crashes = this.crashes.add(shard)
    if (crashes === 0) return false
    this.end(`shard ${shard} failed ${crashes} times in a row, each soon: ${reason}; ${CRASHES}`, { shard, lease })
    return true
  }

  /** Nothing came since its deadline. @returns whether the run is over */
  lost(held: Held, lostAt: number): boolean {
    const { shard, lease } = held
    this.options.onEvent(`shard ${shard}, lease ${lease} was lost: no word since its deadline`)
    const silent = this.silentLeases(held, lostAt)
    if (silent === 0) return false
    this.end(
      `shard ${shard} failed ${silent} times in a row: no word since its deadline, and not one fragment; ${SILENT}`,
      { shard, lease },
    )
    return true
  }

  private ofEnv({ issuedAt }: Held, fault: EnvFault): boolean {
    const { shard, lease, fragments, error } = fault
    const barren = fragments > 0 ? 0 : this.failures.add(shard, lease, issuedAt).count
    const fatal = this.faults.add({ ...fault, barren })
    if (fatal) this.options.onFatal(fatal)
    else this.options.onEvent(`shard ${shard}, lease ${lease} failed: ${error.message}; trying again from other seeds`)
    return fatal !== undefined
  }

  private other({ shard, lease, issuedAt }: Held, error: LeaseReport['error']): boolean {
    const { clock, outageSince, onEvent } = this.options
    const text = error?.message ?? 'no reason given'
    onEvent(`shard ${shard}, lease ${lease} failed: ${text}`)
    const { count, since } = this.failures.add(shard, lease, issuedAt)
    // What was damaged in the bucket was written again before this.
    const { mayPass, [DAMAGED]: damaged } = error?.where ?? {}
    const isOutage = mayPass === true || damaged !== undefined || outageSince(issuedAt)
    if (count < MAX_FAILURES || (isOutage && clock.monotonic() - since < OUTAGE_MS)) return false
    const where = { ...error?.where, shard, lease, code: error?.code }
    this.end(`shard ${shard} failed ${count} times in a row: ${text}`, where, error?.stack)
    return true
  }

  /**
   * How many leases came to nothing with a lost one, where that is too many; else 0. A healthy run never comes to it:
   *
   * - a function that waits, for its first policy or for a slow learner, ends its lease at its deadline and says so;
   * - a learner that does not listen (its inbox is full, it computed, it was suspended or stopped in a debugger) cannot know what was
   *   said meanwhile, and blames nobody;
   * - a queue's backlog that is being read brings fragments, or goodbyes, and either starts the count anew;
   * - a function for which Lambda has no environment is excused by Lambda's own word, for which there is time.
   */
  private silentLeases({ shard, lease, issuedAt, dueAt, heard }: Held, lostAt: number): number {
    const { clock, heardAllSince } = this.options
    const now = clock.monotonic()
    if (heard || now - lostAt > GRACE_MS || !heardAllSince(dueAt)) return 0
    const { count, since } = this.failures.add(shard, lease, issuedAt)
    return count >= MAX_FAILURES && now - since >= SILENCE_MS ? count : 0
  }

  private end(text: string, where: Where, userStack?: string): void {
    this.options.onFatal(new MillraceError('E_ROLLOUT', text, where, { userStack }))
  }
}

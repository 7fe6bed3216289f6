import type { Clock } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { LeaseReport, Pacing } from '../../../shared/protocol/lease.ts'
import { exactVersion } from '../../../shared/rollout/pace.ts'
import type { FragmentMessage, InvocationFailed } from '../../../shared/protocol/message.ts'

/** Leases of a shard that are remembered: the shortest last a second, and a queue may hold what was sent for minutes. */
const REMEMBERED = 256
/** A function may be late by this much, and its clock may run a little faster. */
const GRACE_MS = 30_000
/** Fragments that a function may be ahead by what rounding and the moment of a look at the manifest make of the window. */
const SLACK = 2
/** Requests of a lease beside those that its fragments and its time explain, and requests of one fragment: a message has 17 chunks at most. */
const REQUESTS = { spare: 1_000, perFragment: 20 }

/** A lease as it was given out. Times in ms since the epoch. */
export interface IssuedLease {
  readonly shard: number
  readonly lease: string
  /** What its messages have to carry. */
  readonly token: string
  readonly firstSequence: number
  readonly sendFrom?: number | undefined
  readonly deadline: number
}

interface Remembered extends IssuedLease {
  readonly issuedAt: number
}

export interface AdmissionOptions {
  readonly shards: number
  readonly pacing: Pacing
  readonly clock: Clock
  /** T x B. */
  readonly fragmentSteps: number
  /** Messages of the same steps, which are counted with the first; 1 unless told. */
  readonly rounds?: number
  /** The newest policy version that functions can know of. */
  readonly newestVersion: () => number
  /** The largest window that functions were told, where that is more than the pacing says. */
  readonly largestWindow?: () => number
  /** By shard: the sequence number after the last fragment consumed. */
  readonly consumedUpTo: () => readonly number[]
}

/**
 * Says which messages can be answers to what this learner asked for: of a lease it gave out, to that shard, with a sequence number and a
 * policy version that the pace allows, and a goodbye with no more in it than the lease's time explains. Each lease has a random token, which
 * its messages carry: names of leases can be guessed, tokens cannot. Whoever can write to the queue but was given no lease can thus neither open the window of the pace, nor hold up a run in order, nor run up its bill.
 *
 * Costs a few comparisons a message; nothing of a body is read.
 */
export class Admission {
  private readonly options: AdmissionOptions
  private readonly window: number
  /** By shard and lease, in the order in which they were given out. */
  private readonly leases: Map<string, Remembered>[]

  constructor(options: AdmissionOptions) {
    const { shards, pacing } = options
    this.options = options
    this.window = Math.ceil(pacing.perVersion * (pacing.lead + 1))
    this.leases = Array.from({ length: shards }, () => new Map<string, Remembered>())
  }

  /** A lease is given out. What becomes of it may never be known: it counts from now on. */
  issued({ shard, lease, token, firstSequence, sendFrom, deadline }: IssuedLease): void {
    const leases = this.leases[shard]
    if (!leases) return
    leases.set(lease, { shard, lease, token, firstSequence, sendFrom, deadline, issuedAt: this.options.clock.now() })
    if (leases.size <= REMEMBERED) return
    for (const oldest of leases.keys()) {
      leases.delete(oldest)
      return
    }
  }

  /** @throws MillraceError E_MESSAGE saying why it cannot be a fragment that was asked for */
  fragment(
    message: Pick<FragmentMessage, 'shard' | 'lease' | 'token' | 'sequence' | 'policyVersion' | 'envSteps'>,
  ): void {
    const { shard, lease, sequence, policyVersion, envSteps } = message
    const issued = this.find(message, message.token)
    const last = this.lastOf(issued)
    const first = issued.sendFrom ?? issued.firstSequence
    if (sequence < first || sequence > last)
      throw refused(
        `fragment ${sequence} of lease ${lease} (shard ${shard}) lies outside ${first} to ${last}, which is what the pace lets it send`,
        message,
      )
    const version = this.versionOf(sequence)
    if (version !== undefined && policyVersion !== version)
      throw refused(
        `fragment ${sequence} of shard ${shard} says policy version ${policyVersion}, the pace wants ${version}`,
        message,
      )
    this.knownVersion(policyVersion, message)
    const { fragmentSteps, rounds = 1 } = this.options
    const steps = sequence % rounds === 0 ? fragmentSteps : 0
    if (envSteps !== steps)
      throw refused(
        `fragment ${sequence} of shard ${shard} says ${envSteps} env steps, the lease has ${steps}`,
        message,
      )
  }

  /** @throws MillraceError E_MESSAGE for a version that was never published; a fragment's last step may have a later one than its first */
  knownVersion(version: number, where: { readonly shard: number; readonly lease: string }): void {
    const { pacing, newestVersion } = this.options
    const first = pacing.baseVersion ?? 0
    const newest = newestVersion()
    if (version < first || version > newest)
      throw refused(
        `policy version ${version} of shard ${where.shard} was never published; there are ${first} to ${newest}`,
        where,
      )
  }

  /** @throws MillraceError E_MESSAGE saying why it cannot be the goodbye of a function that was sent out */
  report(report: LeaseReport, token: string | undefined): void {
    const { shard, lease, fragments, nextSequence = 0, envSteps, requests } = report
    const issued = this.find(report, token)
    const { firstSequence, issuedAt, deadline } = issued
    const wrong = (what: string) => refused(`the report of lease ${lease} (shard ${shard}) says ${what}`, report)
    const most = Math.max(0, this.lastOf(issued) + 1 - firstSequence)
    if (fragments > most) throw wrong(`${fragments} fragments, the pace let it send ${most} at most`)
    if (nextSequence > firstSequence + most)
      throw wrong(`${nextSequence} is next, the pace let it come to ${firstSequence + most}`)
    if (envSteps > fragments * this.options.fragmentSteps)
      throw wrong(`${envSteps} env steps in ${fragments} fragments`)
    // By the lease's own length, and not by what this machine's clock says now: it may have been set meanwhile.
    const mostMs = deadline - issuedAt + GRACE_MS
    for (const name of ['totalMs', 'steppingMs', 'waitingMs'] as const)
      if (report[name] > mostMs) throw wrong(`${name} ${report[name]}, the lease lasts ${deadline - issuedAt} ms`)
    // Where nothing is left to do it looks at the manifest every millisecond at most.
    const allowed = REQUESTS.spare + REQUESTS.perFragment * fragments
    const reads = allowed + report.totalMs
    if (requests.s3Put > allowed || requests.sqs > allowed || requests.s3Get > reads)
      throw wrong(`more requests than its ${fragments} fragments and ${Math.round(report.totalMs)} ms explain`)
  }

  /** @throws MillraceError E_MESSAGE for a lease that was never given out, or without its token */
  failure({ leases }: Pick<InvocationFailed, 'leases'>): void {
    for (const lease of leases) this.find(lease, lease.token)
  }

  private find(where: { readonly shard: number; readonly lease: string }, token: string | undefined): Remembered {
    const { shard, lease } = where
    const leases = this.leases[shard]
    if (!leases) throw refused(`shard ${shard} does not exist, the run has ${this.options.shards}`, where)
    const found = leases.get(lease)
    if (!found) throw refused(`lease ${lease} was never given out to shard ${shard}`, where)
    if (found.token !== token) throw refused(`it does not have the token of lease ${lease} (shard ${shard})`, where)
    return found
  }

  /** The last sequence number that a function may have sent under this lease by now. */
  private lastOf({ shard, issuedAt, deadline }: Remembered): number {
    const { pacing, clock, consumedUpTo, newestVersion, largestWindow = () => 0 } = this.options
    const { mode, perVersion, lead, publishEvery = 1, baseVersion = 0, patienceMs } = pacing
    if (mode === 'exact') {
      const published = Math.floor((newestVersion() - baseVersion) / publishEvery)
      return Math.ceil(perVersion * (published + lead + 1)) - 1 + SLACK
    }
    // It lets one more through whenever nothing came of its patience.
    const insisted = Math.floor(Math.max(0, Math.min(clock.now(), deadline + GRACE_MS) - issuedAt) / patienceMs)
    const window = Math.max(this.window, largestWindow())
    return (consumedUpTo()[shard] ?? 0) + window + insisted - 1 + SLACK
  }

  /** What `Pace` steps a fragment with, where that follows from its number. */
  private versionOf(sequence: number): number | undefined {
    const { pacing } = this.options
    return pacing.mode === 'exact' ? exactVersion(pacing, sequence) : undefined
  }
}

const refused = (why: string, { shard, lease }: { readonly shard: number; readonly lease: string }): MillraceError =>
  new MillraceError('E_MESSAGE', `nobody asked for it: ${why}`, { shard, lease })

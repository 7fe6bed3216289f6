import { ERROR_CODES, MillraceError, type ErrorCode } from '../../../shared/errors.ts'
import { DAMAGED } from '../../../shared/rollout/damaged.ts'
import type { LeaseError } from '../../../shared/protocol/lease.ts'

/** Leases of one shard in a row that may fail before the first fragment, or before the run's first episode has ended. */
const WITHOUT_PROGRESS = 3
/** The same of a shard that has worked before: over a long run chance alone brings three in a row. */
const AFTER_PROGRESS = 5
/** What is wrong with an env's class, config or spaces is wrong from every seed; one retry, since a constructor may reach for something. */
const OF_THE_ENV_ITSELF = 2
/** Leases of one shard in a row that may fail soon while episodes end: what fails by chance seldom does it so often. */
const SOON = 10
/** A lease that failed soon made fewer fragments than this, or fewer steps of each env. One that made more worked, and the count starts anew. */
const SOON_FRAGMENTS = 10
const SOON_STEPS = 200

const ENV_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'E_ENV_STEP',
  'E_ENV_CONFIG',
  'E_ENV_SPACE',
  'E_ENV_UNKNOWN',
])

/** A lease that an env's error ended. */
export interface EnvFault {
  readonly shard: number
  readonly lease: string
  /** That it made before it failed. */
  readonly fragments: number
  /** Leases of the shard in a row that came to no fragment, this one included, whatever ended the others. */
  readonly barren?: number
  readonly error: LeaseError
}

/** A shard's leases that failed one soon after the other. */
interface Streak {
  leases: number
  /** How many of them, the newest ones, came to no fragment. */
  barren: number
  /** The most that one of them made. */
  fragments: number
  /** Fragments that came since the newest of them failed. */
  since: number
}

/**
 * Errors of the user's env, and when there have been too many of them. Every retry works from other seeds, so that an env that fails
 * now and then goes on, and one whose error comes back is not a matter of chance:
 *
 * - 3 leases of a shard in a row without a fragment; 2 where the env cannot even be made, 5 where the shard has worked before;
 * - 3 in a row, each failing soon, while no episode of the run has ended: an env that always fails at some step gets no further;
 * - so many of all shards, each soon, half as many as there are shards and 3 at least, while no episode has ended and no lease worked;
 * - 10 in a row, each failing soon, or however late while no episode of the run has ended.
 *
 * Where runs are exact a retry has the same seeds. It would fail again, so there is none.
 */
export class EnvFaults {
  private readonly exact: boolean
  private readonly soon: number
  private shards = 1
  private readonly streaks = new Map<number, Streak>()
  /** Shards of which a lease made ten fragments or ended well. */
  private readonly proven = new Set<number>()
  /** By shard: leases that failed in a row, however late. */
  private readonly failed = new Map<number, number>()
  private failures = 0
  private episodeEnded = false

  /** @param fragmentLength T, steps of each env in a fragment */
  constructor({ exact, fragmentLength }: { readonly exact: boolean; readonly fragmentLength: number }) {
    this.exact = exact
    this.soon = Math.max(SOON_FRAGMENTS, Math.ceil(SOON_STEPS / fragmentLength))
  }

  open(shards: number): void {
    this.shards = shards
  }

  /** Whether an error is the env's own. That its code was damaged in the bucket is not. */
  static are(error: LeaseError | undefined): error is LeaseError {
    return error !== undefined && ENV_CODES.has(error.code) && error.where?.[DAMAGED] === undefined
  }

  /** A fragment came, and in it that many episodes ended. */
  fragment(shard: number, episodes: number): void {
    if (episodes > 0) this.episodeEnded = true
    const streak = this.streaks.get(shard)
    if (!streak) return
    streak.since++
    streak.barren = 0
    if (streak.since >= this.soon) this.settle(shard)
  }

  /** A lease of the shard ended as it should. */
  worked(shard: number): void {
    this.settle(shard)
    this.failed.delete(shard)
  }

  /** A lease of the shard made as many fragments as one that works. */
  private settle(shard: number): void {
    this.proven.add(shard)
    this.streaks.delete(shard)
  }

  /** @returns what ends the run, where this was one too many */
  add(fault: EnvFault): MillraceError | undefined {
    const { shard, lease, error } = fault
    this.failures++
    const why = this.exact ? EXACT : this.cameBack(fault)
    if (why === undefined) return undefined
    return new MillraceError(
      codeOf(error),
      `${error.message}; ${why}`,
      { ...error.where, shard, lease },
      { userStack: error.stack },
    )
  }

  /** How often it came back, where that is too often. */
  private cameBack({ shard, error, ...fault }: EnvFault): string | undefined {
    const before = this.streaks.get(shard)
    const fragments = Math.max(fault.fragments, before?.since ?? 0)
    const failed = (this.failed.get(shard) ?? 0) + 1
    this.failed.set(shard, failed)
    if (!this.episodeEnded && failed >= SOON)
      return `shard ${shard} failed ${failed} times in a row, from ${failed} different seeds, and no episode of the run has ended`
    if (fragments >= this.soon) {
      this.settle(shard)
      return undefined
    }
    const barren = fragments > 0 ? 0 : Math.max((before?.barren ?? 0) + 1, fault.barren ?? 0)
    const leases = Math.max((before?.leases ?? 0) + 1, barren)
    const most = Math.max(fragments, before?.fragments ?? 0)
    this.streaks.set(shard, { leases, barren, fragments: most, since: 0 })
    const atMost =
      error.code !== 'E_ENV_STEP' ? OF_THE_ENV_ITSELF : this.proven.has(shard) ? AFTER_PROGRESS : WITHOUT_PROGRESS
    const made = most === 0 ? 'without a fragment' : `after ${most} fragment${most === 1 ? '' : 's'} at most`
    if (barren < atMost && leases < (this.episodeEnded ? SOON : WITHOUT_PROGRESS))
      return this.nothingWorks()
        ? `${this.failures} leases in a row failed, from ${this.failures} different seeds, shard ${shard} ${made}`
        : undefined
    const all = this.failures > leases ? `, and the run ${this.failures} times in all` : ''
    return `shard ${shard} failed ${leases} times in a row, from ${leases} different seeds, ${made}${all}`
  }

  /** No shard came anywhere yet, and about half of them failed. */
  private nothingWorks(): boolean {
    const enough = Math.max(WITHOUT_PROGRESS, Math.ceil(this.shards / 2))
    return !this.episodeEnded && this.proven.size === 0 && this.failures >= enough
  }
}

const EXACT = 'the run is deterministic: a retry would repeat it'

const codeOf = ({ code }: LeaseError): ErrorCode =>
  Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'E_ROLLOUT'

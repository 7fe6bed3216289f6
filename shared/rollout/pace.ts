import type { Lease, Pacing } from '../protocol/lease.ts'
import type { Manifest } from '../protocol/manifest.ts'

/** `perVersion` is a ratio of small integers: 35 / (7 / 3) comes out just under 15. */
const ROUNDING = 1e-6

/** The policy version that the fragment with this sequence number is stepped with in an exact pace. */
export function exactVersion(
  { perVersion, lead, publishEvery = 1, baseVersion = 0 }: Omit<Pacing, 'mode' | 'patienceMs'>,
  sequence: number,
): number {
  return baseVersion + publishEvery * Math.max(0, Math.floor(sequence / perVersion + ROUNDING) - lead)
}

/** Decides when a fragment may be stepped, and with which policy version; see `Pacing` for the two rules. */
export class Pace {
  private readonly pacing: Lease['pacing']
  private readonly shard: number
  private readonly window: number
  private extra = 0
  private seenConsumed = 0

  constructor({ pacing, shard }: Pick<Lease, 'pacing' | 'shard'>) {
    this.pacing = pacing
    this.shard = shard
    this.window = Math.ceil(pacing.perVersion * (pacing.lead + 1))
  }

  /** The policy version for the fragment with this sequence number, or undefined while it has to wait. */
  version(
    sequence: number,
    { policy, consumed, window = 0 }: Pick<Manifest, 'policy' | 'consumed' | 'window'>,
  ): number | undefined {
    if (this.pacing.mode === 'exact') {
      const wanted = exactVersion(this.pacing, sequence)
      return policy.version >= wanted ? wanted : undefined
    }
    const done = consumed[this.shard] ?? 0
    // What was let through beyond the window made up for fragments that this mark has passed; it must not widen it for good.
    if (done > this.seenConsumed) this.extra = 0
    this.seenConsumed = done
    return sequence - done < Math.max(this.window, window) + this.extra ? policy.version : undefined
  }

  /** How long to wait before `insist`, ms; an exact pace never insists. */
  get patienceMs(): number {
    return this.pacing.mode === 'exact' ? Number.POSITIVE_INFINITY : this.pacing.patienceMs
  }

  /** Lets one more fragment through, for one that must have been lost. */
  insist(): void {
    this.extra++
  }
}

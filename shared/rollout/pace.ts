import type { Pacing } from '../protocol/lease.ts'

/**
 * Decides which policy version a fragment may be stepped with, or that the function has to wait.
 * Plain arithmetic over what was sent so far; see `Pacing` for the two rules.
 */
export class Pace {
  private readonly pacing: Pacing
  private sentUnder = { version: -1, fragments: 0 }

  constructor(pacing: Pacing) {
    this.pacing = pacing
  }

  /** The version wanted for the fragment with this sequence number: a fixed one (`exact`), or any at least this new (`newest`). */
  need(sequence: number): { readonly version: number; readonly exact: boolean } {
    const { mode, perVersion, lead } = this.pacing
    if (mode === 'exact') return { version: Math.max(0, Math.floor(sequence / perVersion) - lead), exact: true }
    const full = this.sentUnder.fragments >= perVersion * (lead + 1)
    return { version: full ? this.sentUnder.version + 1 : 0, exact: false }
  }

  /** Notes that a fragment was stepped with this version. */
  sent(version: number): void {
    if (version === this.sentUnder.version) this.sentUnder.fragments++
    else this.sentUnder = { version, fragments: 1 }
  }

  /** Gives the present version another helping, after waiting in vain for `patienceMs`. */
  lose(): void {
    this.sentUnder.fragments = 0
  }
}

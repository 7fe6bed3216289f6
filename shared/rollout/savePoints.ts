import { sha256Hex } from '../batch/hash.ts'
import type { Clock, ObjectStore } from '../cloud/ports.ts'
import { keys } from '../protocol/keys.ts'
import type { Lease } from '../protocol/lease.ts'
import type { Collector } from './collector.ts'
import { type SavePoint, savedState } from './leaseState.ts'

/** Saving takes at most this share of a lease's time. */
const SHARE = 0.02

interface SavePointsOptions {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly onPut: () => void
}

/**
 * Saves a collector between two fragments every so often, so that what was sent since need not be the end of a lease that is lost: the
 * shard is stepped again from there. What fails here costs a longer way back, and nothing else.
 */
export class SavePoints {
  private readonly lease: Lease
  private readonly store: ObjectStore
  private readonly clock: Clock
  /** Called for every object written, for the bill. */
  private readonly onPut: () => void
  private everyMs: number
  private lastMs: number
  private writing: Promise<void> | undefined
  private newest: SavePoint | undefined

  constructor(lease: Lease, { store, clock, onPut }: SavePointsOptions) {
    this.lease = lease
    this.store = store
    this.clock = clock
    this.onPut = onPut
    this.everyMs = lease.saveEveryMs ?? Number.POSITIVE_INFINITY
    this.lastMs = clock.monotonic()
  }

  /** The newest one that is in the bucket. */
  get stored(): SavePoint | undefined {
    return this.newest
  }

  /** To be called before every fragment: saves when it is time, and the last one is written. */
  offer(collector: Collector, sequence: number): void {
    const { lease, clock } = this
    const now = clock.monotonic()
    if (now - this.lastMs < this.everyMs || this.writing || sequence === lease.firstSequence) return
    this.lastMs = now
    try {
      const body = savedState(collector, lease, sequence)
      if (body) this.writing = this.write(sequence, body)
      else this.everyMs = Number.POSITIVE_INFINITY
      this.everyMs = Math.max(this.everyMs, (clock.monotonic() - now) / SHARE)
    } catch {
      // The end of the lease tells why they cannot be saved.
      this.everyMs = Number.POSITIVE_INFINITY
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.writing
  }

  private async write(sequence: number, body: Uint8Array): Promise<void> {
    const { run, shard, lease } = this.lease
    try {
      this.onPut()
      await this.store.put(keys.savePoint(run, shard, lease, sequence), body)
      this.newest = { sequence, sha256: sha256Hex(body) }
    } catch {
      // The next one may be written.
    } finally {
      this.writing = undefined
    }
  }
}

import { OUTAGE_MS } from '../../shared/cloud/patience.ts'
import type { Clock } from '../../shared/cloud/ports.ts'

const PAUSE_MS = { first: 1_000, last: 30_000 }
/** Held at most; beyond it the oldest are given up. */
const MOST = 10_000

export interface DeletionsOptions<T> {
  readonly clock: Clock
  /** What is deleted, in the plural: 'messages'. */
  readonly what: string
  readonly delete: (items: readonly T[]) => Promise<unknown>
  readonly onEvent: (text: string) => void
}

interface Held<T> {
  readonly item: T
  readonly since: number
}

/**
 * What is to be deleted, and nobody waits for. Where it fails it is tried again with what comes after it, and given up after three minutes:
 * that costs room, and no run.
 */
export class Deletions<T> {
  private readonly options: DeletionsOptions<T>
  private held: Held<T>[] = []
  private working: Promise<void> = Promise.resolve()
  private pauseMs = PAUSE_MS.first
  private notBefore = Number.NEGATIVE_INFINITY
  private failing = false
  private givenUp = 0

  constructor(options: DeletionsOptions<T>) {
    this.options = options
  }

  add(item: T): void {
    this.held.push({ item, since: this.options.clock.monotonic() })
  }

  /** How many wait. */
  get size(): number {
    return this.held.length
  }

  /** Starts deleting what is held; after a failure, only once its pause is over. Never rejects. */
  flush(): Promise<void> {
    if (this.options.clock.monotonic() >= this.notBefore) this.begin()
    return this.working
  }

  /** Tries what is left once more, and tells how much is not deleted. */
  async close(): Promise<void> {
    do {
      this.begin()
      await this.working
      // More may have been added meanwhile; where a try failed, there is no other.
    } while (this.held.length > 0 && !this.failing)
    this.givenUp += this.held.splice(0).length
    if (this.givenUp > 0) this.options.onEvent(`${this.options.what} that were not deleted: ${this.givenUp}`)
    this.givenUp = 0
  }

  private begin(): void {
    const batch = this.held.splice(0)
    if (batch.length > 0) this.working = this.working.then(() => this.work(batch))
  }

  private async work(batch: readonly Held<T>[]): Promise<void> {
    const { clock, what, onEvent } = this.options
    try {
      await this.options.delete(batch.map(({ item }) => item))
      this.pauseMs = PAUSE_MS.first
      this.failing = false
    } catch (error) {
      const now = clock.monotonic()
      this.notBefore = now + this.pauseMs
      this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MS.last)
      const all = [...batch, ...this.held]
      this.held = all.filter(({ since }) => now - since < OUTAGE_MS).slice(-MOST)
      this.givenUp += all.length - this.held.length
      if (!this.failing)
        onEvent(`${what} are not deleted: ${sentence(error)}; the run goes on, and this is tried again`)
      this.failing = true
    }
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))

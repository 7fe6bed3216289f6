import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { OpenSource, ShardedSource, SourceEvent } from '../flow/index.ts'

/** What a source of rollouts stands on: it begins and ends sampling. */
export interface Sampling {
  /** Starts leases and receiving. */
  start(): void
  /** Ends both; rejects with what receiving failed with. */
  stop(): Promise<void>
}

/**
 * Fragments of every shard as a source of the dataflow core. A request is answered by the shard's next fragment, oldest first;
 * fragments that came before they were asked for wait here, as many as the inbox holds at most.
 */
export class RolloutSource implements ShardedSource<SampleBatch> {
  readonly shards: readonly string[]
  private readonly sampling: Sampling
  private readonly ready: SampleBatch[][]
  private readonly waiting: ((event: SourceEvent<SampleBatch>) => void)[][]
  private readonly failing = new Set<(error: unknown) => void>()
  private failure: { readonly error: unknown } | undefined
  private closed = false

  constructor(shards: number, sampling: Sampling) {
    this.shards = Array.from({ length: shards }, (_, shard) => String(shard))
    this.sampling = sampling
    this.ready = this.shards.map(() => [])
    this.waiting = this.shards.map(() => [])
  }

  /** A fragment arrived and was found good. */
  push(fragment: SampleBatch): void {
    const { shard } = fragment.provenance
    const waiter = this.waiting[shard]?.shift()
    if (waiter) waiter({ kind: 'item', item: fragment })
    else this.ready[shard]?.push(fragment)
  }

  /** Sampling cannot go on: every request, now and later, fails with this. */
  fail(error: unknown): void {
    this.failure ??= { error }
    for (const reject of this.failing) reject(error)
    this.failing.clear()
  }

  open(_options: Parameters<ShardedSource<SampleBatch>['open']>[0]): OpenSource<SampleBatch> {
    this.sampling.start()
    return {
      request: (shard) => this.request(Number(shard)),
      close: async () => {
        this.closed = true
        for (const waiters of this.waiting) for (const resolve of waiters.splice(0)) resolve({ kind: 'done' })
        await this.sampling.stop()
      },
    }
  }

  private request(shard: number): Promise<SourceEvent<SampleBatch>> {
    if (this.failure) return Promise.reject(this.failure.error)
    if (this.closed) return Promise.resolve({ kind: 'done' })
    const fragment = this.ready[shard]?.shift()
    if (fragment) return Promise.resolve({ kind: 'item', item: fragment })
    return new Promise((resolve, reject) => {
      this.failing.add(reject)
      this.waiting[shard]?.push((event) => {
        this.failing.delete(reject)
        resolve(event)
      })
    })
  }
}

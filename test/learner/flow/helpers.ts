import type { ShardedSource, SourceEvent, Stage } from '../../../learner/flow/index.ts'

/** Everything an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The first n items; ends early by `return()`. */
export async function first<T>(items: AsyncIterable<T>, n: number): Promise<T[]> {
  const all: T[] = []
  if (n === 0) return all
  for await (const item of items) if (all.push(item) === n) break
  return all
}

/** One turn of the event loop: everything that can go on without the outer world has gone on. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A source in which the test decides what happens, counting what is asked of it. */
export class Hand<T> implements AsyncIterable<T> {
  asked = 0
  closed = 0
  private readonly waiting: ((result: IteratorResult<T>) => void)[] = []
  private readonly given: IteratorResult<T>[] = []
  private readonly signal: AbortSignal | undefined

  constructor(signal?: AbortSignal) {
    this.signal = signal
  }

  give(value: T): void {
    this.settle({ done: false, value })
  }

  end(): void {
    this.settle({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => {
        this.asked++
        const result = this.given.shift()
        if (result !== undefined) return Promise.resolve(result)
        return new Promise((resolve, reject) => {
          this.waiting.push(resolve)
          this.signal?.addEventListener('abort', () => reject(this.signal?.reason as Error), { once: true })
        })
      },
      return: () => {
        this.closed++
        for (const resolve of this.waiting.splice(0)) resolve({ done: true, value: undefined })
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  private settle(result: IteratorResult<T>): void {
    const resolve = this.waiting.shift()
    if (resolve === undefined) this.given.push(result)
    else resolve(result)
  }
}

/** A source that lets the test answer each request by hand; those outstanding are lost when it is closed. */
export class Workers<T> implements ShardedSource<T> {
  shards: readonly string[]
  readonly requests: { readonly shard: string; answer(event: SourceEvent<T>): void; fail(error: unknown): void }[] = []
  opened: { readonly mode: string; readonly inFlight: number; readonly stages: readonly Stage[] } | undefined
  asked = 0
  closed = 0

  constructor(shards: readonly string[]) {
    this.shards = shards
  }

  open({ signal, ...options }: Parameters<ShardedSource<T>['open']>[0]) {
    this.opened = options
    return {
      request: (shard: string) =>
        new Promise<SourceEvent<T>>((resolve, reject) => {
          this.asked++
          this.requests.push({ shard, answer: resolve, fail: reject })
          signal.addEventListener('abort', () => resolve({ kind: 'lost', reason: 'closed' }))
        }),
      close: async () => {
        this.closed++
      },
    }
  }

  /** Answers the oldest open request of a shard. */
  give(shard: string, event: SourceEvent<T> | T): void {
    const at = this.requests.findIndex((request) => request.shard === shard)
    const [request] = this.requests.splice(at, 1)
    const isEvent = typeof event === 'object' && event !== null && 'kind' in event
    request?.answer(isEvent ? event : { kind: 'item', item: event })
  }
}

/** Lists as shards, with stages run where the items are made. */
export function listSource<T>(lists: Readonly<Record<string, readonly T[]>>, log: string[] = []): ShardedSource<T> {
  const stages: Readonly<Record<string, (item: never, params: never) => unknown>> = {
    times: (item: number, { by }: { by: number }) => item * by,
  }
  return {
    shards: Object.keys(lists),
    open(options) {
      const at = new Map<string, number>()
      return {
        async request(shard) {
          const i = at.get(shard) ?? 0
          at.set(shard, i + 1)
          log.push(`${shard}${i}`)
          await Promise.resolve()
          const list = lists[shard] ?? []
          if (i >= list.length) return { kind: 'done' }
          const run = (item: unknown, { name, params }: Stage) => stages[name]?.(item as never, params as never)
          return { kind: 'item', item: options.stages.reduce(run, list[i]) as T }
        },
        close: async () => {},
      }
    },
  }
}

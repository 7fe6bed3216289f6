import { concurrentlyNode } from './concurrently.ts'
import { fanOutHead, fanOutOutput } from './fanout.ts'
import { type GatherPlan, gatherNode } from './gather.ts'
import { type MapOptions, mapperNode } from './mapper.ts'
import type { NodeSpec, PlanNode, QueueSlot } from './node.ts'
import { checkInteger, checkOneOf, definitionOf } from './operator.ts'
import { enqueueNode } from './queue.ts'
import { batchStep, eachStep, filterStep, flattenStep, forEachStep, nameOf, takeStep } from './steps.ts'
import { streamNode } from './stream.ts'
import type {
  Context,
  GatherOptions,
  Operator,
  Plain,
  QueueOptions,
  ResourceKey,
  RunOptions,
  ShardedSource,
  Sourced,
  Stage,
  WhenFull,
} from './types.ts'

/** What flows write their nodes into: the inside of a plan. */
export interface Book {
  add(spec: NodeSpec): PlanNode
  iterate(node: PlanNode, options?: RunOptions): AsyncIterableIterator<unknown>
}

/** A bounded queue between two parts of a plan. The type of its items exists in types only. */
export interface Queue<T> extends QueueSlot {
  readonly carries?: (item: T) => T
}

export const WHEN_FULL: readonly WhenFull[] = ['block', 'dropOldest', 'dropNewest']

/** The items of a node of a plan, in order; nothing runs until they are pulled. Its items can be taken once: see `duplicate`. */
export class Flow<T> implements AsyncIterable<T> {
  readonly node: PlanNode
  protected readonly book: Book

  constructor(book: Book, node: PlanNode) {
    this.book = book
    this.node = node
  }

  /** Through an operator made by `operator(...)`. */
  via<U>(operator: Operator<T, U>): Flow<U> {
    const definition = definitionOf(operator)
    const node = definition.each === undefined ? streamNode(definition) : eachStep(definition)
    return this.add(operator.name, { ...node, params: operator.params })
  }

  /**
   * A function of each item. With a `concurrency` over 1, that many calls are running or finished and undelivered at most (and as many items
   * are pulled ahead); results keep the order of the items unless `ordered` is false.
   *
   * @throws MillraceError E_PLAN_PARAMETER, if the concurrency is not an integer of at least 1
   */
  forEach<U>(fn: (item: T) => U | Promise<U>, options: Partial<MapOptions> = {}): Flow<U> {
    const { concurrency = 1, ordered = true } = options
    checkInteger(concurrency, 1, 'forEach: concurrency')
    if (concurrency === 1) return this.add('forEach', forEachStep(fn))
    const params = { fn: nameOf(fn), concurrency, ordered }
    return this.add('forEach', { ...mapperNode(fn as (item: unknown) => unknown, { concurrency, ordered }), params })
  }

  /** The items of which the function is true. */
  filter(keep: (item: T) => boolean | Promise<boolean>): Flow<T> {
    return this.add('filter', filterStep(keep))
  }

  /** Arrays of n consecutive items; the last one may be shorter. */
  batch(size: number): Flow<T[]> {
    checkInteger(size, 1, 'batch: size')
    return this.add('batch', batchStep(size))
  }

  /** The parts of each item, which must be iterable, one at a time. */
  flatten<U>(this: Flow<Iterable<U>>): Flow<U> {
    return this.add('flatten', flattenStep())
  }

  /** `forEach` and `flatten` in one: every part of what the function gives for an item. */
  combine<U>(fn: (item: T) => Iterable<U> | Promise<Iterable<U>>): Flow<U> {
    return this.add('combine', flattenStep(fn))
  }

  /** The first `count` items, after which everything upstream is closed. */
  take(count: number): Flow<T> {
    checkInteger(count, 0, 'take: count')
    return this.add('take', takeStep(count))
  }

  /** Items of this and other flows, whichever is ready first. */
  union<U = never>(...others: readonly Flow<U>[]): Flow<T | U> {
    const output = [this, ...others].map((_, i) => i)
    return this.add('union', {
      ...concurrentlyNode({ mode: 'async', weights: [], output, seed: 0 }),
      inputs: [this.node, ...others.map((other) => other.node)],
    })
  }

  /**
   * Every item for each of `count` flows. Each has a buffer (1 item, unless told), so that none is further ahead than that of the
   * slowest; what happens when a buffer is full is named by `whenFull` (`block` unless told: the others wait).
   * Each has to be used in the plan that runs.
   */
  duplicate(count: number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut('duplicate', { count, ...options })
  }

  /** Every item for one of `count` flows: number `route(item)`. Buffers as in `duplicate`. */
  split(count: number, route: (item: T) => number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut('split', { count, route: route as (item: unknown) => number, ...options })
  }

  /** Puts every item into a queue and passes it on. When this flow ends, or the last reader does, so does the queue. */
  enqueue(queue: Queue<T>): Flow<T> {
    return this.add('enqueue', enqueueNode(queue))
  }

  /** Runs the plan up to here, without resources; see `plan.run`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.book.iterate(this.node) as AsyncIterableIterator<T>
  }

  protected add<U>(operator: string, spec: Omit<NodeSpec, 'operator'>): Flow<U> {
    return new Flow(this.book, this.book.add({ operator, inputs: [this.node], ...spec }))
  }

  private fanOut(
    operator: string,
    { count, route, capacity = 1, whenFull = 'block' }: FanOutSetting & Partial<QueueOptions>,
  ): Flow<T>[] {
    checkInteger(count, 1, `${operator}: count`)
    checkInteger(capacity, 1, `${operator}: capacity`)
    checkOneOf(whenFull, WHEN_FULL, `${operator}: whenFull`)
    const named = route === undefined ? {} : { fn: nameOf(route) }
    const params = { ...named, count, capacity, whenFull }
    const head = this.book.add({ operator, inputs: [this.node], params, ...fanOutHead(count) })
    const options = { capacity, whenFull, ...(route === undefined ? {} : { route }) }
    return Array.from({ length: count }, (_, index) => {
      const spec = fanOutOutput(index, options)
      return new Flow(this.book, this.book.add({ operator, inputs: [head], path: `${head.path}/${index}`, ...spec }))
    })
  }
}

interface FanOutSetting {
  readonly count: number
  readonly route?: (item: unknown) => number
}

/** What comes right out of a gather, where it is still known which shard an item came from. */
export class GatheredFlow<T> extends Flow<T> {
  private readonly plan: GatherPlan

  constructor(book: Book, node: PlanNode, plan: GatherPlan) {
    super(book, node)
    this.plan = plan
  }

  /**
   * Pairs every item with the shard it came from. The pair is made where the item arrives, so it stays right behind
   * anything that buffers (RLlib Flow's Q2); this is why only a gathered flow has it.
   */
  zipWithSource(): Flow<Sourced<T>> {
    const flow = this.add<Sourced<T>>('zipWithSource', { step: () => ({ push: (pair) => pair }) })
    this.plan.emit = (pair) => pair
    return flow
  }
}

/** A stream sharded over sources. What is done to it is done at the source; gathering makes it a `Flow`. */
export class ParallelFlow<T> {
  readonly node: PlanNode
  private readonly book: Book
  private readonly from: ShardedSource<T> | ResourceKey<ShardedSource<T>>
  private readonly stages: readonly Stage[]

  constructor(book: Book, node: PlanNode, { from, stages }: Sharded<T>) {
    this.book = book
    this.node = node
    this.from = from
    this.stages = stages
  }

  /** Runs a named stage where the items are made. */
  atSource<U>(stage: Stage<T, U>): ParallelFlow<U> {
    const { name, params } = stage
    const node = this.book.add({ operator: name, params, kind: 'atSource', inputs: [this.node] })
    const from = this.from as unknown as ShardedSource<U>
    return new ParallelFlow<U>(this.book, node, { from, stages: [...this.stages, { name, params }] })
  }

  /**
   * Rounds: one item of every shard, in the order of the shards. The next round is asked for only when downstream pulls after having
   * received all of this one, so every source is idle while downstream works. A shard that is lost or done makes a round shorter.
   */
  gatherSync(): GatheredFlow<T> {
    return this.gather('gatherSync', { rounds: false })
  }

  /** As `gatherSync`, a round as one array. */
  batchAcrossShards(): Flow<T[]> {
    return this.gather('batchAcrossShards', { rounds: true })
  }

  /**
   * Items as they complete. At most `inFlight` a shard are asked for or undelivered.
   *
   * @throws MillraceError E_PLAN_PARAMETER, if `inFlight` is not an integer of at least 1
   */
  gatherAsync(options: GatherOptions = {}): GatheredFlow<T> {
    const { inFlight = 1, reissue = 'before' } = options
    checkInteger(inFlight, 1, 'gatherAsync: inFlight')
    checkOneOf(reissue, ['before', 'after'], 'gatherAsync: reissue')
    return this.gather('gatherAsync', { inFlight, reissue })
  }

  private gather<U>(operator: string, options: Partial<Pick<GatherPlan, 'rounds' | 'inFlight' | 'reissue'>>) {
    const { rounds = false, inFlight = 1, reissue = 'before' } = options
    const { from, stages } = this
    const isKey = (source: object): source is ResourceKey<ShardedSource<T>> => !('shards' in source)
    const plan: GatherPlan = {
      open: (ctx: Context) => (isKey(from) ? ctx.use(from) : from),
      stages,
      inFlight,
      reissue,
      rounds,
      emit: ({ item }) => item,
    }
    const mode = operator === 'gatherAsync' ? 'async' : 'sync'
    const { definition, start } = gatherNode(mode, plan)
    const uses = isKey(from) ? { uses: [from as ResourceKey<never>] } : {}
    const params: Plain = mode === 'async' ? { inFlight, reissue } : null
    const spec: NodeSpec = {
      operator,
      params,
      inputs: [this.node],
      definition: { ...definition, ...uses },
      start: start!,
    }
    return new GatheredFlow<U>(this.book, this.book.add(spec), plan)
  }
}

export interface Sharded<T> {
  readonly from: ShardedSource<T> | ResourceKey<ShardedSource<T>>
  readonly stages: readonly Stage[]
}

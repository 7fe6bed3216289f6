import { batch, flatten, take } from './builtins.ts'
import { output, write, type WriteRules } from './channel.ts'
import { gatherBranches, gatherCalls, type GatherRules, gatherShards, itemOnly, type MapOptions } from './gather.ts'
import type { NodeSpec, PlanNode } from './node.ts'
import { definitionOf, demandInteger, demandOneOf } from './operator.ts'
import { SKIP } from './running.ts'
import { iterableOf } from './source.ts'
import type {
  GatherOptions,
  Operator,
  QueueOptions,
  ResourceKey,
  RunOptions,
  Sharded,
  Sourced,
  Stage,
} from './types.ts'

type Step = (item: unknown, scope: unknown) => unknown

/** What flows write their nodes into: the inside of a plan. */
export interface Book {
  add(spec: NodeSpec): PlanNode
  iterate(node: PlanNode, options?: RunOptions): AsyncIterableIterator<unknown>
}

/** A bounded queue between two parts of a plan. The type of its items exists in types only. */
export interface Queue<T> {
  readonly node: PlanNode
  readonly options: QueueOptions
  carries?(item: T): T
}

export const WHEN_FULL = ['block', 'dropOldest', 'dropNewest'] as const

/** The items of a node of a plan, in order; nothing runs until they are pulled. They can be taken once: see `duplicate`. */
export class Flow<T> implements AsyncIterable<T> {
  readonly node: PlanNode
  protected readonly book: Book

  constructor(book: Book, node: PlanNode) {
    this.book = book
    this.node = node
  }

  /** Through an operator made by `operator(...)`. */
  via<U>(operator: Operator<T, U>): Flow<U> {
    const { name, params } = operator
    const definition = definitionOf(operator)
    if (definition.each !== undefined) return this.add(name, { params, definition, step: definition.each as Step })
    const run = definition.run as (source: AsyncIterable<unknown>, scope: unknown) => AsyncIterator<unknown>
    return this.add(name, { params, definition, run: ({ inputs, ctx }) => run(iterableOf(inputs[0]!), ctx.scope) })
  }

  /**
   * A function of each item. With a `concurrency` over 1, that many calls are running or finished and undelivered at most (and as many
   * items are pulled ahead); results keep the order of the items unless `ordered` is false.
   */
  forEach<U>(fn: (item: T) => U | Promise<U>, options: Partial<MapOptions> = {}): Flow<U> {
    const { concurrency = 1, ordered = true } = options
    demandInteger(concurrency, 1, 'forEach: concurrency')
    const call = fn as (item: unknown) => unknown
    if (concurrency === 1) return this.add('forEach', { params: { fn: nameOf(fn) }, step: call })
    const params = { fn: nameOf(fn), concurrency, ordered }
    return this.add('forEach', { params, run: (running) => gatherCalls(running, call, { concurrency, ordered }) })
  }

  /** The items of which the function is true. */
  filter(keep: (item: T) => boolean | Promise<boolean>): Flow<T> {
    const step = (item: unknown) => {
      const kept = keep(item as T)
      return kept instanceof Promise ? kept.then((yes) => (yes ? item : SKIP)) : kept ? item : SKIP
    }
    return this.add('filter', { params: { fn: nameOf(keep) }, step })
  }

  /** Arrays of `size` consecutive items; the last may be shorter. */
  batch(size: number): Flow<T[]> {
    return this.via(batch({ size }) as Operator<T, T[]>)
  }

  /** The parts of each item, which must be iterable, one at a time. */
  flatten<U>(this: Flow<Iterable<U>>): Flow<U> {
    return this.via(flatten() as Operator<Iterable<U>, U>)
  }

  /** `forEach` and `flatten`: every part of what the function gives for an item. */
  combine<U>(fn: (item: T) => Iterable<U> | Promise<Iterable<U>>): Flow<U> {
    const params = { fn: nameOf(fn) }
    return this.add<Iterable<U>>('combine', { params, step: fn as Step }).flatten()
  }

  /** The first `count` items, after which everything upstream is closed. */
  take(count: number): Flow<T> {
    return this.via(take({ count }) as Operator<T, T>)
  }

  /** The items of this and other flows, whichever is ready first. */
  union<U = never>(...others: readonly Flow<U>[]): Flow<T | U> {
    const inputs = [this.node, ...others.map((other) => other.node)]
    return this.add('union', { inputs, run: (running) => gatherBranches(running, [...inputs.keys()]) })
  }

  /**
   * Every item for each of `count` flows. Each has a buffer (1 item, unless told), so that none is further ahead than that of the slowest; what happens when a buffer is full is named by `whenFull` (`block` unless told: the others wait).
   * Each has to be used in the plan that runs.
   */
  duplicate(count: number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut('duplicate', { ...options, count })
  }

  /** Every item for one of `count` flows: number `route(item)`. Buffers as in `duplicate`. */
  split(count: number, route: (item: T) => number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut('split', { ...options, count, route: route as WriteRules['route'] & {} })
  }

  /** Puts every item into a queue and passes it on. The queue ends when its writers have, and its writers when its readers have. */
  enqueue(queue: Queue<T>): Flow<T> {
    return this.add('enqueue', {
      writes: queue.node,
      run: (running) => write(running, queue.node, { buffers: [queue.node], ...queue.options }),
    })
  }

  /** Runs the plan up to here, without resources; see `plan.run`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.book.iterate(this.node) as AsyncIterableIterator<T>
  }

  protected add<U>(operator: string, spec: Omit<NodeSpec, 'operator'>): Flow<U> {
    return new Flow(this.book, this.book.add({ operator, inputs: [this.node], ...spec }))
  }

  private fanOut(operator: string, options: Partial<WriteRules> & { readonly count: number }): Flow<T>[] {
    const { count, route, capacity = 1, whenFull = 'block' } = options
    demandInteger(count, 1, `${operator}: count`)
    demandInteger(capacity, 1, `${operator}: capacity`)
    demandOneOf(whenFull, WHEN_FULL, `${operator}: whenFull`)
    const outputs: PlanNode[] = []
    const rules: WriteRules = { buffers: outputs, capacity, whenFull, ...(route && { route }) }
    const params = { ...(route && { fn: nameOf(route) }), count, capacity, whenFull }
    const head: PlanNode = this.add(operator, {
      params,
      outputs: count,
      run: (running) => write(running, head, rules),
    }).node
    for (let i = 0; i < count; i++) {
      const spec = { operator, path: `${head.path}/${i}`, inputs: [head] }
      outputs.push(this.book.add({ ...spec, run: (running) => output(running, head, rules) }))
    }
    return outputs.map((node) => new Flow(this.book, node))
  }
}

/** What comes right out of a gather, where it is still known which shard an item came from. */
export class GatheredFlow<T> extends Flow<T> {
  private readonly rules: Pick<GatherRules, 'deliver'>

  constructor(book: Book, node: PlanNode, rules: Pick<GatherRules, 'deliver'>) {
    super(book, node)
    this.rules = rules
  }

  /**
   * Pairs every item with the shard it came from. The pair is made where the item arrives and stays together through anything that
   * buffers (RLlib Flow's Q2); this is why only a gathered flow has it.
   */
  zipWithSource(): Flow<Sourced<T>> {
    const zipped = this.add<Sourced<T>>('zipWithSource', { step: (pair) => pair })
    this.rules.deliver = (ready) => ready.shift()
    return zipped
  }
}

/** A stream sharded over sources. What is done to it is done at the source; gathering makes it a `Flow`. */
export class ParallelFlow<T> {
  readonly node: PlanNode
  readonly carries?: () => T
  private readonly book: Book
  private readonly from: Sharded<unknown>
  private readonly stages: readonly Stage[]

  constructor(
    book: Book,
    node: PlanNode,
    { from, stages }: { readonly from: Sharded<unknown>; readonly stages: readonly Stage[] },
  ) {
    this.book = book
    this.node = node
    this.from = from
    this.stages = stages
  }

  /** Runs a named stage where the items are made. */
  atSource<U>({ name, params }: Stage<T, U>): ParallelFlow<U> {
    const node = this.book.add({ operator: name, params, kind: 'atSource', inputs: [this.node] })
    return new ParallelFlow(this.book, node, { from: this.from, stages: [...this.stages, { name, params }] })
  }

  /**
   * Rounds: one item of every shard, in the order of the shards. The next round is asked for only when downstream pulls after having
   * received all of this one, so every source is idle while downstream works. A shard that is lost or done makes a round shorter.
   */
  gatherSync(): GatheredFlow<T> {
    return this.gather('gatherSync', { sync: true, inFlight: 1, reissue: 'after' })
  }

  /** As `gatherSync`, with a round as one array. */
  batchAcrossShards(): Flow<T[]> {
    const deliver: GatherRules['deliver'] = (ready) => ready.splice(0).map(({ item }) => item)
    return this.gather('batchAcrossShards', { sync: true, inFlight: 1, reissue: 'after', deliver })
  }

  /** Items as they complete. At most `inFlight` a shard are asked for or undelivered. */
  gatherAsync({ inFlight = 1, reissue = 'before' }: GatherOptions = {}): GatheredFlow<T> {
    demandInteger(inFlight, 1, 'gatherAsync: inFlight')
    demandOneOf(reissue, ['before', 'after'], 'gatherAsync: reissue')
    return this.gather('gatherAsync', { sync: false, inFlight, reissue })
  }

  private gather<U>(operator: string, given: Omit<GatherRules, 'deliver'> & Partial<GatherRules>): GatheredFlow<U> {
    const { from, stages } = this
    const rules = { deliver: itemOnly, ...given, stages }
    const params = given.sync ? null : { inFlight: given.inFlight, reissue: given.reissue }
    const uses = 'of' in from ? { definition: { uses: [from as ResourceKey<never>] } } : {}
    const node = this.book.add({
      operator,
      params,
      inputs: [this.node],
      ...uses,
      run: (at) => gatherShards(at, from, rules),
    })
    return new GatheredFlow(this.book, node, rules)
  }
}

/** What the graph shows of a function. */
const nameOf = (fn: (item: never) => unknown) => fn.name || 'anonymous'

import { output, write, type WriteRules } from './channel.ts'
import { gatherBranches, gatherCalls, type GatherRules, gatherShards } from './gather.ts'
import type { NodeSpec, PlanNode } from './node.ts'
import { definitionOf, demandInteger, demandOneOf, operator } from './operator.ts'
import { DONE, type Running, SKIP } from './running.ts'
import type { GatherOptions, Operator, QueueOptions, Sourced, Stage } from './types.ts'

/** What flows write their nodes into: the inside of a plan. */
export interface Book {
  add(spec: NodeSpec): PlanNode
  iterate(node: PlanNode): AsyncIterableIterator<unknown>
}

/** A bounded queue between two parts of a plan. The type of its items exists in types only. */
export interface Queue<T> {
  readonly node: PlanNode
  readonly options: QueueOptions
  carries?(item: T): T
}

/** What a plan gives for a node that it made. */
class Handle {
  readonly node: PlanNode
  protected readonly book: Book

  constructor(book: Book, node: PlanNode) {
    this.book = book
    this.node = node
  }
}

/** The items of a node of a plan, in order; nothing runs until they are pulled. They can be taken once: see `duplicate`. */
export class Flow<T> extends Handle implements AsyncIterable<T> {
  /** Through an operator made by `operator(...)`. */
  via<U>(operator: Operator<T, U>): Flow<U> {
    return this.add(codeOf(operator))
  }

  /**
   * A function of each item. With a `concurrency` over 1, that many calls are running or finished and undelivered at most (and as many
   * items are pulled ahead); results keep the order of the items.
   */
  forEach<U>(fn: (item: T) => U | Promise<U>, { concurrency = 1 }: { readonly concurrency?: number } = {}): Flow<U> {
    demandInteger(concurrency, 1, 'forEach: concurrency')
    const step = fn as (item: unknown) => unknown
    const run = (running: Running) => gatherCalls(running, step, concurrency)
    return this.add({
      operator: named('forEach', fn),
      ...(concurrency === 1 ? { step } : { params: { concurrency }, run }),
    })
  }

  /** The items of which the function is true. */
  filter(keep: (item: T) => boolean | Promise<boolean>): Flow<T> {
    const step = (item: unknown) => {
      const kept = keep(item as T)
      return kept instanceof Promise ? kept.then((yes) => (yes ? item : SKIP)) : kept ? item : SKIP
    }
    return this.add({ operator: named('filter', keep), step })
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
    return this.add<Iterable<U>>({ operator: named('combine', fn), step: fn as (item: unknown) => unknown }).flatten()
  }

  /** The first `count` items, after which everything upstream is closed. */
  take(count: number): Flow<T> {
    return this.via(take({ count }) as Operator<T, T>)
  }

  /** The items of this and other flows, whichever is ready first. */
  union<U = never>(...others: readonly Flow<U>[]): Flow<T | U> {
    const inputs = [this.node, ...others.map((other) => other.node)]
    return this.add({ operator: 'union', inputs, run: (running) => gatherBranches(running, [...inputs.keys()]) })
  }

  /**
   * Every item for each of `count` flows. Each has a buffer (1 item, unless told), so that none is further ahead than that of
   * the slowest; what happens when a buffer is full is named by `whenFull` (`block` unless told: the others wait).
   * Each has to be used in the plan that runs.
   */
  duplicate(count: number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut('duplicate', count, options)
  }

  /** Every item for one of `count` flows: number `route(item)`. Buffers as in `duplicate`. */
  split(count: number, route: (item: T) => number, options: Partial<QueueOptions> = {}): Flow<T>[] {
    return this.fanOut(named('split', route), count, { ...options, route: route as (item: unknown) => number })
  }

  /** Puts every item into a queue and passes it on. The queue ends when its writers have, and its writers when its readers have. */
  enqueue({ node, options }: Queue<T>): Flow<T> {
    const run = (running: Running) => write(running, node, { buffers: [node], ...options })
    return this.add({ operator: 'enqueue', writes: node, run })
  }

  /** Runs the plan up to here, without resources; see `plan.run`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.book.iterate(this.node) as AsyncIterableIterator<T>
  }

  protected add<U>(spec: NodeSpec): Flow<U> {
    return new Flow(this.book, this.book.add({ inputs: [this.node], ...spec }))
  }

  private fanOut(operator: string, count: number, options: Partial<WriteRules>): Flow<T>[] {
    const { capacity = 1, whenFull = 'block' } = options
    demandInteger(count, 1, `${operator}: count`)
    const params = checkQueue({ capacity, whenFull }, operator)
    const buffers: PlanNode[] = []
    const rules = { ...options, ...params, buffers }
    const run: NodeSpec['run'] = (running) => write(running, head, rules)
    const head = this.book.add({ operator, inputs: [this.node], params: { count, ...params }, outputs: count, run })
    const out: NodeSpec = { operator, inputs: [head], run: (running) => output(running, head, rules) }
    for (let i = 0; i < count; i++) buffers.push(this.book.add({ ...out, path: `${head.path}/${i}` }))
    return buffers.map((node) => new Flow(this.book, node))
  }
}

/** What comes right out of a gather, where it is still known which shard an item came from. */
export class GatheredFlow<T> extends Flow<T> {
  /**
   * Pairs every item with the shard it came from. The pair is made where the item arrives and stays together through anything that
   * buffers (RLlib Flow's Q2); this is why only a gathered flow has it.
   */
  zipWithSource(): Flow<Sourced<T>> {
    const zipped = this.add<Sourced<T>>({ operator: 'zipWithSource', step: (pair) => pair })
    this.node.zipped = true
    return zipped
  }
}

/** A stream sharded over sources. What is done to it is done at the source; gathering makes it a `Flow`. */
export class ParallelFlow<T> extends Handle {
  readonly gives?: () => T

  /** Runs a named stage where the items are made. */
  atSource<U>({ name, params }: Stage<T, U>): ParallelFlow<U> {
    const { from, stages = [] } = this.node.spec
    const at = { kind: 'atSource', from: from!, stages: [...stages, { name, params }], inputs: [this.node] } as const
    return new ParallelFlow(this.book, this.book.add({ operator: name, params, ...at }))
  }

  /**
   * Rounds: one item of every shard, in the order of the shards. The next round is asked for only when downstream pulls after having
   * received all of this one, so every source is idle while downstream works. A shard that is lost or done makes a round shorter.
   */
  gatherSync(): GatheredFlow<T> {
    return this.gather('gatherSync', { mode: 'sync', inFlight: 1, reissue: 'after' })
  }

  /** As `gatherSync`, with a round as one array. */
  batchAcrossShards(): Flow<T[]> {
    return this.gather('batchAcrossShards', { mode: 'sync', inFlight: 1, reissue: 'after', rounds: true })
  }

  /** Items as they complete. At most `inFlight` a shard are asked for or undelivered. */
  gatherAsync({ inFlight = 1, reissue = 'before' }: GatherOptions = {}): GatheredFlow<T> {
    demandInteger(inFlight, 1, 'gatherAsync: inFlight')
    demandOneOf(reissue, ['before', 'after'], 'gatherAsync: reissue')
    return this.gather('gatherAsync', { mode: 'async', inFlight, reissue })
  }

  private gather<U>(operator: string, rules: GatherRules): GatheredFlow<U> {
    const params = rules.mode === 'sync' ? null : { inFlight: rules.inFlight, reissue: rules.reissue }
    const run = (running: Running) => gatherShards(running, rules)
    return new GatheredFlow(this.book, this.book.add({ operator, params, inputs: [this.node], run }))
  }
}

/** The node of an operator; as a source, its upstream is empty. */
export function codeOf(descriptor: Operator<never, unknown>): NodeSpec {
  const { name: operator, params } = descriptor
  const definition = definitionOf(descriptor)
  const { each, run } = definition
  if (run === undefined) return { operator, params, definition, step: each! }
  return { operator, params, definition, run: ({ inputs, ctx }) => run(iterableOf(inputs[0]), ctx.scope) }
}

/** @throws MillraceError E_PLAN_PARAMETER */
export function checkQueue({ capacity, whenFull }: QueueOptions, what: string) {
  demandInteger(capacity, 1, `${what}: capacity`)
  demandOneOf(whenFull, ['block', 'dropOldest', 'dropNewest'], `${what}: whenFull`)
  return { capacity, whenFull }
}

/** What is upstream, as an operator sees it. */
function iterableOf(input: Running | undefined): AsyncIterable<unknown> {
  const next = async () => DONE
  const iterator = input === undefined ? { next } : { next: () => input.pull(), return: () => input.close().then(next) }
  return { [Symbol.asyncIterator]: () => iterator }
}

const named = (operator: string, fn: (item: never) => unknown) => `${operator}(${fn.name || 'anonymous'})`

const batch = operator({
  name: 'batch',
  check: ({ size }: { readonly size: number }) => demandInteger(size, 1, 'batch: size'),
  state: () => ({ held: [] as unknown[] }),
  async *run(source: AsyncIterable<unknown>, { params, state }) {
    for await (const item of source) if (state.held.push(item) >= params.size) yield state.held.splice(0)
    if (state.held.length > 0) yield state.held.splice(0)
  },
})

const flatten = operator({
  name: 'flatten',
  state: () => ({ rest: [] as unknown[] }),
  async *run(source: AsyncIterable<Iterable<unknown>>, { state }) {
    while (state.rest.length > 0) yield state.rest.pop()
    for await (const item of source) {
      state.rest = [...item].reverse()
      while (state.rest.length > 0) yield state.rest.pop()
    }
  },
})

const take = operator({
  name: 'take',
  check: ({ count }: { readonly count: number }) => demandInteger(count, 0, 'take: count'),
  state: () => ({ taken: 0 }),
  async *run(source: AsyncIterable<unknown>, { params, state }) {
    if (state.taken < params.count)
      for await (const item of source) {
        state.taken++
        yield item
        if (state.taken >= params.count) return
      }
  },
})

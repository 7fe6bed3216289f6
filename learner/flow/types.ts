import type { Metrics, MetricsSnapshot } from './metrics.ts'

/** Parameters of an operator or a stage: plain data, so that a plan can be drawn, compared, saved and sent. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain }

/** A name with parameters, frozen; what it carries exists in types only. */
export type Descriptor<Carries> = { readonly name: string; readonly params: Plain; readonly carries?: Carries }

/** An operator with its parameters; its code is found again by the plan. */
export type Operator<T, U> = Descriptor<(item: T) => U>
/** What runs at the source: data, never a closure, because it travels to where the source is. */
export type Stage<T = never, U = unknown> = Descriptor<{ readonly atSource: (item: T) => U }>

/** One answer of a shard. The loss of a worker is an event in the flow, not an exception out of it. */
export type SourceEvent<T> =
  | { readonly kind: 'item'; readonly item: T }
  /** The shard has nothing more; it is not asked again. */
  | { readonly kind: 'done' }
  /** This request came to nothing. The shard is asked again, in the next round or as soon as downstream waits: back off inside `request`. */
  | { readonly kind: 'lost'; readonly reason: string }

/**
 * A stream spread over workers, implemented by the outer world.
 *
 * `shards` may grow and shrink while it is open. It is read before every round (sync) and at every pull and every answer waited for (async):
 * a new name is asked from then on; a name that went away is asked no more, and what it still owes is delivered.
 */
export interface ShardedSource<T> {
  readonly shards: readonly string[]
  open(options: {
    mode: 'sync' | 'async'
    inFlight: number
    stages: readonly Stage[]
    signal: AbortSignal
  }): OpenSource<T>
}

export interface OpenSource<T> {
  /** At most `inFlight` requests a shard are outstanding. A rejection is an error of the plan, not a loss. */
  request(shard: string): Promise<SourceEvent<T>>
  /** Called once, after the signal was aborted. Outstanding requests settle soon after, with their item if they have one: it is kept. */
  close(): Promise<void>
}

/** A sharded source, or the resource that it will be when the plan runs. */
export type Sharded<T> = ShardedSource<T> | ResourceKey<ShardedSource<T>>

/** An item with the shard it came from. */
export type Sourced<T> = { readonly item: T; readonly shard: string }

/** A typed name for something a plan needs when it runs and that is not data: a learner, a store, a source. */
export interface ResourceKey<R> {
  readonly name: string
  of(value: R): Provided
}

export type Provided = { readonly key: string; readonly value: unknown }

/** What an operator may touch besides its items. */
export interface Context {
  /** Aborted when this part of the plan is closed; its reason is a MillraceError E_PLAN_ABORTED. */
  readonly signal: AbortSignal
  readonly metrics: Metrics
  /** The path of the node in the plan. */
  readonly node: string
  /** @throws MillraceError E_PLAN_RESOURCE, if the key is not among the operator's `uses` */
  use<R>(key: ResourceKey<R>): R
  /**
   * Waits for something that another branch of the plan has to do first; a `roundRobin` goes on with its next branch
   * meanwhile. Rejects with the signal's reason when this part of the plan is closed.
   */
  wait<V>(promise: Promise<V>): Promise<V>
}

/** `state` is declared: everything an operator keeps between two items is in there, settled whenever it yields or pulls. */
export type Scope<P, S> = { readonly params: P; readonly state: S; readonly ctx: Context }

/**
 * What an operator is. Its code is one of
 * - `each`: one item into one item; the fast way, because consecutive ones are run as a single loop;
 * - `run`: a stream into a stream, usually an async generator; ending early closes what is upstream. As a source (`plan.source`) it
 *   is given an empty stream.
 */
export type Definition<T, U, P, S> = {
  readonly name: string
  /** Throws MillraceError E_PLAN_PARAMETER for parameters that cannot work; called when the plan is built. */
  readonly check?: (params: P) => void
  /** Fresh state. Must be structured-clonable, unless `save` and `load` translate it. */
  readonly state?: () => S
  readonly save?: (state: S) => unknown
  readonly load?: (saved: unknown) => S
  /** The resources it takes with `ctx.use`: a missing one fails when the plan starts. */
  readonly uses?: readonly ResourceKey<never>[]
} & (
  | { each(item: T, scope: Scope<P, S>): U | Promise<U> }
  | { run(source: AsyncIterable<T>, scope: Scope<P, S>): AsyncIterator<U> }
)

export interface QueueOptions {
  /** Items, at least 1. */
  readonly capacity: number
  /** When full: `block`, the writer waits; the others drop an item and count it in the metric `dropped.<path>`. */
  readonly whenFull: 'block' | 'dropOldest' | 'dropNewest'
}

export interface GatherOptions {
  /** Requests outstanding or answered but not yet delivered, a shard; 1 unless told. */
  readonly inFlight?: number
  /**
   * When the next request goes to a shard: `before` its item goes downstream (pipelined: never idle, one item behind), or
   * `after`, when downstream pulls again (what downstream did with the item is seen by the next one: A3C).
   */
  readonly reissue?: 'before' | 'after'
}

export interface ConcurrentlyOptions<K extends number = number> {
  readonly mode: 'roundRobin' | 'async'
  /**
   * For `roundRobin`: items a turn, one for each branch. A fraction is rounded up with its own probability; '*' is as many as there
   * are without waiting, at most 100. 1 unless told.
   */
  readonly weights?: readonly (number | '*')[]
  /** Which branches' items come out; the others are run and their items dropped. All unless told. */
  readonly output?: K | readonly K[]
  /** For fractional weights, an integer; 0 unless told. */
  readonly seed?: number
}

/** What a node measured about itself. All time inside a source counts as busy; waits of nodes that do several things at once are sums. */
export type NodeMeasure = Record<'itemsIn' | 'itemsOut' | 'busyMs' | 'waitedUpstreamMs' | 'waitedDownstreamMs', number>

export interface GraphNode {
  readonly id: string
  readonly operator: string
  readonly params: Plain
  /** Where it runs: at the workers of a sharded source, or here. A queue is a node too. */
  readonly kind: 'atSource' | 'operator' | 'queue'
}

/** A plan as plain data. */
export interface PlanGraph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly { readonly from: string; readonly to: string }[]
}

export interface Checkpoint {
  readonly version: 1
  /** By node path: declared state, and the items a node has taken in and not given out, oldest first (a queue is such a node). */
  readonly nodes: Readonly<Record<string, { readonly state: unknown; readonly held: readonly unknown[] }>>
  readonly metrics: MetricsSnapshot
}

/** What happens in a plan besides its items: a shard was lost, a full buffer dropped an item. Counted in metrics, too. */
export type PlanEvent = Readonly<{ kind: 'lost' | 'dropped'; node: string; shard?: string; reason?: string }>

export interface RunOptions {
  readonly resources?: readonly Provided[]
  /** Stops the plan at a clean boundary: the items being worked on come out, then the iteration ends, quietly. */
  readonly signal?: AbortSignal
  /** Only observes; called at once and must not throw. */
  readonly onEvent?: (event: PlanEvent) => void
}

import type { Metrics, MetricsSnapshot } from './metrics.ts'

/** Parameters of an operator or a stage: plain data, so that a plan can be drawn, compared, saved and sent. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain }

/** What runs at the source: data, never a closure, because it travels to where the source is. `T` and `U` exist in types only. */
export interface Stage<T = never, U = unknown> {
  readonly name: string
  readonly params: Plain
  readonly carries?: (item: T) => U
}

/** One answer of a shard. The loss of a worker is an event in the flow, not an exception out of it. */
export type SourceEvent<T> =
  | { readonly kind: 'item'; readonly item: T }
  /** The shard has nothing more; it is not asked again. */
  | { readonly kind: 'done' }
  /** This request came to nothing. The shard is asked again: in the next round (sync) or at once (async), so back off inside `request`. */
  | { readonly kind: 'lost'; readonly reason: string }

/**
 * A stream spread over workers, implemented by the outer world.
 *
 * `shards` may grow and shrink while it is open. It is read before every round (sync) and at every pull and answer (async): a new
 * name is asked from then on; a name that went away is asked no more, and what it still owes is delivered.
 */
export interface ShardedSource<T> {
  readonly shards: readonly string[]
  open(options: {
    readonly mode: 'sync' | 'async'
    readonly inFlight: number
    readonly stages: readonly Stage[]
    readonly signal: AbortSignal
  }): OpenSource<T>
}

export interface OpenSource<T> {
  /** At most `inFlight` requests a shard are outstanding. A rejection is an error of the plan, not a loss. */
  request(shard: string): Promise<SourceEvent<T>>
  /** Called once, after the signal was aborted; the requests still outstanding settle by then. */
  close(): Promise<void>
}

/** An item with the shard it came from. */
export interface Sourced<T> {
  readonly item: T
  readonly shard: string
}

/** A typed name for something a plan needs when it runs and that is not data: a learner, a store, a source. */
export interface ResourceKey<R> {
  readonly name: string
  of(value: R): Provided
}

export interface Provided {
  readonly key: string
  readonly value: unknown
}

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

export interface Scope<P, S> {
  readonly params: P
  /** Declared state. Everything an operator keeps between two items is in here, settled whenever it yields or pulls. */
  readonly state: S
  readonly ctx: Context
}

interface Definition<P, S> {
  readonly name: string
  /** Throws MillraceError E_PLAN_PARAMETER for parameters that cannot work; called when the plan is built. */
  readonly check?: (params: P) => void
  /** Fresh state. Must be structured-clonable, unless `save` and `load` translate it. */
  readonly state?: () => S
  readonly save?: (state: S) => unknown
  readonly load?: (saved: unknown) => S
  /** The resources it takes with `ctx.use`: a missing one fails when the plan starts. */
  readonly uses?: readonly ResourceKey<never>[]
}

/** A stream into a stream. Ending early closes what is upstream. */
export interface StreamDefinition<T, U, P, S> extends Definition<P, S> {
  readonly run: (source: AsyncIterable<T>, scope: Scope<P, S>) => AsyncIterator<U>
  readonly each?: never
}

/** One item into one item: the fast way, because consecutive ones are run as a single loop. */
export interface ItemDefinition<T, U, P, S> extends Definition<P, S> {
  readonly each: (item: T, scope: Scope<P, S>) => U | Promise<U>
  readonly run?: never
}

/** Out of nothing, a stream: a source that has parameters, state or resources. */
export interface OriginDefinition<U, P, S> extends Definition<P, S> {
  readonly run: (scope: Scope<P, S>) => AsyncIterator<U> | Iterator<U>
}

/** An operator with its parameters: frozen plain data to look at; its types and its code come with it, unseen. */
export interface Operator<T, U> {
  readonly name: string
  readonly params: Plain
  readonly carries?: (item: T) => U
}

export interface Origin<U> {
  readonly name: string
  readonly params: Plain
  readonly carries?: () => U
  readonly origin: true
}

export type WhenFull = 'block' | 'dropOldest' | 'dropNewest'

export interface QueueOptions {
  /** Items, at least 1. */
  readonly capacity: number
  /** `block`: the writer waits. The others drop an item and count it in the metric `queue.<name>.dropped`. */
  readonly whenFull: WhenFull
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

/** What a node measured about itself. The waits of nodes that do several things at once are sums and may pass the wall clock. */
export interface NodeMeasure {
  readonly itemsIn: number
  readonly itemsOut: number
  readonly busyMs: number
  readonly waitedUpstreamMs: number
  readonly waitedDownstreamMs: number
}

export interface GraphNode {
  readonly id: string
  readonly operator: string
  readonly params: Plain
  /** Where it runs: at the workers of a sharded source, or here. A queue is a node too. */
  readonly kind: 'atSource' | 'operator' | 'queue'
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
}

/** A plan as plain data. */
export interface PlanGraph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

export interface Checkpoint {
  readonly version: 1
  readonly plan: string
  /** Operator state, by node path. */
  readonly nodes: Readonly<Record<string, unknown>>
  /** Contents, oldest first, by queue name. */
  readonly queues: Readonly<Record<string, readonly unknown[]>>
  readonly metrics: MetricsSnapshot
}

/** What happens in a plan besides its items. */
export type PlanEvent =
  | { readonly kind: 'lost' | 'done'; readonly node: string; readonly shard: string; readonly reason?: string }
  | { readonly kind: 'dropped'; readonly node: string; readonly queue: string }

export interface RunOptions {
  readonly resources?: readonly Provided[]
  /** Stops the plan at a clean boundary: the items being worked on come out, then the iteration ends, quietly. */
  readonly signal?: AbortSignal
  /** Only observes; called at once and must not throw. */
  readonly onEvent?: (event: PlanEvent) => void
}

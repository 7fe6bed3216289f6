import { MillraceError } from '../../shared/errors.ts'
import { concurrentlyNode } from './concurrently.ts'
import { Flow, ParallelFlow, WHEN_FULL } from './flow.ts'
import type { Book, Queue } from './flow.ts'
import { graphOf } from './graph.ts'
import { Metrics } from './metrics.ts'
import { type NodeSpec, PlanNode, type QueueSlot, reachable } from './node.ts'
import { checkInteger, checkOneOf, definitionOf } from './operator.ts'
import { dequeueNode } from './queue.ts'
import { Run } from './run.ts'
import { iterableSource, originSource } from './source.ts'
import type {
  Checkpoint,
  ConcurrentlyOptions,
  Context,
  NodeMeasure,
  Origin,
  PlanGraph,
  QueueOptions,
  ResourceKey,
  RunOptions,
  ShardedSource,
} from './types.ts'

const VERSION = 1

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>
type ItemOf<F> = F extends AsyncIterable<infer T> ? T : never
/** A flow of anything: `Flow` itself cannot vary in its item, because it can be written from and read from. */
type AnyFlow = AsyncIterable<unknown> & { readonly node: PlanNode }

/** A dataflow as data: named nodes with plain parameters, and between runs the state that goes into a checkpoint. */
export class Plan {
  readonly name: string
  /** Written by every node; counters, gauges and timers go into the checkpoint. */
  readonly metrics = new Metrics()
  private readonly nodes: PlanNode[] = []
  private readonly paths = new Set<string>()
  private readonly queues = new Map<string, QueueSlot>()
  private readonly book: Book
  private running: Run | undefined
  private loaded: Checkpoint | undefined

  constructor(name = 'plan') {
    this.name = name
    this.book = { add: (spec) => this.add(spec), iterate: (node, options) => this.start(node, options) }
  }

  /** Where items come from: an `origin(...)`, an iterable or a function that opens one, or a sharded source (or the resource that will be one). */
  source<T>(origin: Origin<T>): Flow<T>
  source<T>(name: string, from: ShardedSource<T> | ResourceKey<ShardedSource<T>>): ParallelFlow<T>
  source<T>(name: string, from: AnyIterable<T> | ((ctx: Context) => AnyIterable<T>)): Flow<T>
  source(nameOrOrigin: string | Origin<unknown>, from?: unknown): Flow<unknown> | ParallelFlow<unknown> {
    if (typeof nameOrOrigin !== 'string') {
      const { name: operator, params } = nameOrOrigin
      return new Flow(this.book, this.add({ operator, params, ...originSource(definitionOf(nameOrOrigin)) }))
    }
    if (!isSharded(from)) return new Flow(this.book, this.add(iterableSource(nameOrOrigin, from)))
    return new ParallelFlow(this.book, this.add({ operator: nameOrOrigin, kind: 'atSource' }), { from, stages: [] })
  }

  /**
   * A bounded queue, for `flow.enqueue` and `plan.dequeue`.
   *
   * @throws MillraceError E_PLAN_PARAMETER for a capacity under 1; E_PLAN_SHAPE for a name that is taken
   */
  queue<T>(name: string, { capacity, whenFull }: QueueOptions): Queue<T> {
    checkInteger(capacity, 1, `queue '${name}': capacity`)
    checkOneOf(whenFull, WHEN_FULL, `queue '${name}': whenFull`)
    if (this.queues.has(name)) throw new MillraceError('E_PLAN_SHAPE', `there are two queues named '${name}'`)
    const queue: Queue<T> = { name, capacity, whenFull, items: [] }
    this.queues.set(name, queue)
    return queue
  }

  /** The items of a queue, oldest first. It ends when the queue is empty and every writer has ended. */
  dequeue<T>(queue: Queue<T>): Flow<T> {
    return new Flow(this.book, this.add(dequeueNode(queue)))
  }

  /**
   * Runs several flows at once. `async`: whichever is ready; an output flow is at most one item ahead. `roundRobin`: in turn, by weights; a
   * flow that waits for a queue or a buffer of this plan is passed over. It ends when every output flow has, and closes the rest.
   *
   * @throws MillraceError E_PLAN_PARAMETER for options that cannot work
   */
  concurrently<const F extends readonly AnyFlow[], K extends number = number>(
    flows: F,
    options: ConcurrentlyOptions<K>,
  ): Flow<ItemOf<F[K]>> {
    const { mode, seed = 0 } = options
    const weights = options.weights ?? flows.map(() => 1)
    const output = typeof options.output === 'number' ? [options.output] : (options.output ?? [...flows.keys()])
    checkOneOf(mode, ['roundRobin', 'async'], 'concurrently: mode')
    checkInteger(flows.length, 1, 'concurrently: the number of flows')
    checkInteger(seed, Number.MIN_SAFE_INTEGER, 'concurrently: seed')
    const refuse = (what: string): never => {
      throw new MillraceError('E_PLAN_PARAMETER', `concurrently: ${what}`)
    }
    if (mode === 'async' && options.weights !== undefined) refuse("weights are for mode 'roundRobin'")
    if (weights.length !== flows.length) refuse(`${weights.length} weights for ${flows.length} flows`)
    for (const w of weights)
      if (w !== '*' && !(w > 0 && w < Infinity)) refuse(`a weight must be over 0 or '*', got ${w}`)
    if (output.length === 0) refuse('at least one flow must be an output')
    for (const i of output) if (!(i in flows)) refuse(`output ${i} is none of the ${flows.length} flows`)
    const params = mode === 'async' ? { mode, output } : { mode, weights, output, seed }
    const inputs = flows.map((flow) => flow.node)
    const spec = concurrentlyNode({ mode, weights, output, seed })
    return new Flow(this.book, this.add({ operator: 'concurrently', params, inputs, path: 'concurrently', ...spec }))
  }

  /**
   * Runs the plan up to `flow`, pulled by the iterator it gives; ending that iterator closes everything. State is fresh, or what `load` was given.
   *
   * @throws MillraceError E_PLAN_SHAPE, E_PLAN_RESOURCE, at once; from the iterator, one error of one operator with `where.operator` and `where.path`
   */
  run<T>(flow: Flow<T>, options: RunOptions = {}): Run<T> {
    return this.start(flow.node, options) as Run<T>
  }

  graph(): PlanGraph {
    return graphOf(this.name, this.nodes, [...this.queues.values()])
  }

  /** What every node of the latest run measured, by path. */
  measures(): Readonly<Record<string, NodeMeasure>> {
    return Object.fromEntries(this.nodes.map((node) => [node.path, node.measure()]))
  }

  /**
   * A checkpoint of all operator state, queues and metrics; a deep copy. Exact when the run has ended or was closed, also half-way, and
   * between two pulls of a plan without concurrency. While concurrent branches run, the items they work on at this moment are in none.
   */
  save(): Checkpoint {
    const stateful = this.nodes.filter((node) => node.state !== undefined)
    return {
      version: VERSION,
      plan: this.name,
      nodes: Object.fromEntries(stateful.map((node) => [node.path, node.save()])),
      queues: Object.fromEntries(Array.from(this.queues, ([name, { items }]) => [name, structuredClone(items)])),
      metrics: this.metrics.save(),
    }
  }

  /**
   * The next run goes on from this checkpoint.
   *
   * @throws MillraceError E_PLAN_CHECKPOINT, if it is of another version or another plan
   */
  load(checkpoint: Checkpoint): void {
    const refuse = (what: string): never => {
      throw new MillraceError('E_PLAN_CHECKPOINT', `the checkpoint ${what}`)
    }
    const { version, nodes, queues } = checkpoint
    if (version !== VERSION) refuse(`has version ${String(version)}, this program knows ${VERSION}`)
    const differ = (what: string, saved: object, own: readonly string[]) => {
      for (const name of Object.keys(saved))
        if (!own.includes(name)) refuse(`has the ${what} '${name}', the plan does not`)
      for (const name of own) if (!(name in saved)) refuse(`lacks the ${what} '${name}' of the plan`)
    }
    differ(
      'node',
      nodes,
      this.nodes.filter((node) => node.state !== undefined).map((node) => node.path),
    )
    differ('queue', queues, [...this.queues.keys()])
    this.loaded = checkpoint
    this.metrics.load(checkpoint.metrics)
    this.reset()
  }

  private add(spec: NodeSpec): PlanNode {
    const inputs = spec.inputs ?? []
    const own = spec.operator + suffixOf(spec)
    const base = spec.path ?? (inputs.length === 1 ? `${inputs[0]!.path}/${own}` : own)
    const foreign = inputs.find((input) => !this.nodes.includes(input))
    if (foreign !== undefined)
      throw new MillraceError('E_PLAN_SHAPE', `'${foreign.path}' is of another plan than '${own}'`)
    let path = base
    for (let i = 2; this.paths.has(path); i++) path = `${base}#${i}`
    const node = new PlanNode(spec, path)
    this.paths.add(path)
    this.nodes.push(node)
    return node
  }

  private start(root: PlanNode, options: RunOptions = {}): Run {
    if (this.running?.closed === false)
      throw new MillraceError('E_PLAN_SHAPE', `plan '${this.name}' is already running`)
    const run = new Run({ root, nodes: reachable(root, this.nodes), metrics: this.metrics, options })
    this.reset()
    this.loaded = undefined
    this.running = run
    return run
  }

  private reset(): void {
    const { nodes, queues } = this.loaded ?? {}
    for (const node of this.nodes)
      node.reset(nodes !== undefined && node.path in nodes ? { value: nodes[node.path] } : undefined)
    for (const queue of this.queues.values()) queue.items = structuredClone([...(queues?.[queue.name] ?? [])])
  }
}

const suffixOf = ({ params }: NodeSpec) =>
  typeof params === 'object' && params !== null && 'fn' in params ? `(${String(params['fn'])})` : ''

const isSharded = (from: unknown): from is ShardedSource<unknown> | ResourceKey<ShardedSource<unknown>> =>
  typeof from === 'object' &&
  from !== null &&
  (('shards' in from && 'open' in from) || ('of' in from && 'name' in from))

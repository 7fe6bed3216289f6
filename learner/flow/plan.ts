import { read } from './channel.ts'
import { Flow, ParallelFlow, WHEN_FULL } from './flow.ts'
import type { Book, Queue } from './flow.ts'
import { gatherBranches } from './gather.ts'
import { graphOf } from './graph.ts'
import { Metrics } from './metrics.ts'
import { type NodeSpec, PlanNode } from './node.ts'
import { definitionOf, demand, demandInteger, demandOneOf } from './operator.ts'
import { freshTurns, takeTurns } from './roundRobin.ts'
import { Run } from './run.ts'
import { items, opened } from './source.ts'
import type { Checkpoint, ConcurrentlyOptions, Context, NodeMeasure, Origin } from './types.ts'
import type { PlanGraph, QueueOptions, RunOptions, Sharded } from './types.ts'

const VERSION = 1

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>
type Opens<T> = AnyIterable<T> | ((ctx: Context) => AnyIterable<T>)
type ItemOf<F> = F extends Flow<infer T> ? T : never

/** A dataflow as data: named nodes with plain parameters, and between runs the state that goes into a checkpoint. */
export class Plan {
  readonly name: string
  /** Written by every node; part of the checkpoint. */
  readonly metrics = new Metrics()
  private readonly nodes = new Map<string, PlanNode>()
  private readonly book: Book
  private running: Run | undefined
  private loaded: Checkpoint['nodes'] = {}

  constructor(name = 'plan') {
    this.name = name
    this.book = { add: (spec) => this.add(spec), iterate: (node, options) => this.start(node, options) }
  }

  /** Where items come from: an `origin(...)`; an iterable, or a function that opens one; a sharded source, or the resource that will be one. */
  source<T>(origin: Origin<T>): Flow<T>
  source<T>(name: string, from: Sharded<T>): ParallelFlow<T>
  source<T>(name: string, from: Opens<T>): Flow<T>
  source<T>(named: string | Origin<T>, from: Sharded<T> | Opens<T> = []): Flow<T> | ParallelFlow<T> {
    if (typeof named !== 'string') {
      const definition = definitionOf(named)
      const run = definition.run as (scope: unknown) => AsyncIterator<unknown>
      const spec: Partial<NodeSpec> = { definition, run: (running) => items(running, () => run(running.ctx.scope)) }
      return new Flow(this.book, this.add({ operator: named.name, params: named.params, ...spec }))
    }
    if (!('shards' in from || 'of' in from)) {
      const run: NodeSpec['run'] = (running) => items(running, () => opened(from, running.ctx))
      return new Flow(this.book, this.add({ operator: named, run }))
    }
    return new ParallelFlow(this.book, this.add({ operator: named, kind: 'atSource' }), { from, stages: [] })
  }

  /** A bounded queue, for `flow.enqueue` and `plan.dequeue`; what it does when it is full has to be said. */
  queue<T>(name: string, { capacity, whenFull }: QueueOptions): Queue<T> {
    demandInteger(capacity, 1, `queue '${name}': capacity`)
    demandOneOf(whenFull, WHEN_FULL, `queue '${name}': whenFull`)
    const path = `queue(${name})`
    demand(!this.nodes.has(path), `there are two queues named '${name}'`, { code: 'E_PLAN_SHAPE' })
    const options = { capacity, whenFull }
    return { node: this.add({ operator: name, params: options, kind: 'queue', path, outputs: Infinity }), options }
  }

  /** The items of a queue, oldest first. It ends when the queue is empty and every writer has ended. */
  dequeue<T>({ node }: Queue<T>): Flow<T> {
    return new Flow(
      this.book,
      this.add({ operator: 'dequeue', inputs: [node], run: (running) => read(running, { key: node, buffer: node }) }),
    )
  }

  /**
   * Runs several flows at once. `async`: whichever is ready; an output flow is at most one item ahead. `roundRobin`: in turn, by
   * weights; a flow that waits for another one of this plan is passed over. It ends when every output flow has, and closes the rest.
   */
  concurrently<const F extends readonly Flow<unknown>[], K extends number = number>(
    flows: F,
    options: ConcurrentlyOptions<K>,
  ): Flow<ItemOf<F[K]>> {
    const { mode, seed = 0, weights = flows.map(() => 1) } = options
    const output = typeof options.output === 'number' ? [options.output] : (options.output ?? [...flows.keys()])
    const works = (weight: number | '*') => weight === '*' || (weight > 0 && weight < Infinity)
    demandOneOf(mode, ['roundRobin', 'async'], 'concurrently: mode')
    demandInteger(seed, Number.MIN_SAFE_INTEGER, 'concurrently: seed')
    demand(mode === 'roundRobin' || options.weights === undefined, "concurrently: weights are for mode 'roundRobin'")
    demand(weights.length === flows.length, `concurrently: ${weights.length} weights for ${flows.length} flows`)
    demand(weights.every(works), `concurrently: a weight is a number over 0 or '*', got ${weights.join(', ')}`)
    demand(output.length > 0, 'concurrently: at least one flow must be an output')
    demand(
      output.every((i) => i in flows),
      `concurrently: output ${output.join(', ')} of ${flows.length} flows`,
    )
    const turns = { weights, output, seed }
    const code: Partial<NodeSpec> =
      mode === 'async'
        ? { params: { mode, output }, run: (running) => gatherBranches(running, output) }
        : {
            params: { mode, ...turns },
            definition: { state: () => freshTurns(turns) },
            run: (running) => takeTurns(running, turns),
          }
    const inputs = flows.map((flow) => flow.node)
    return new Flow(this.book, this.add({ operator: 'concurrently', path: 'concurrently', inputs, ...code }))
  }

  /**
   * Runs the plan up to `flow`, pulled by the iterator it gives; ending that iterator closes everything. State is fresh, or what `load` was given.
   *
   * @throws MillraceError E_PLAN_SHAPE, E_PLAN_RESOURCE, at once; from the iterator, one error of one operator with
   *   `where.operator` and `where.path`, E_OPERATOR unless it had a code
   */
  run<T>(flow: Flow<T>, options: RunOptions = {}): Run<T> {
    return this.start(flow.node, options) as Run<T>
  }

  graph(): PlanGraph {
    return graphOf(this.name, [...this.nodes.values()])
  }

  /** What every node of the latest run measured, by path. */
  measures(): Readonly<Record<string, NodeMeasure>> {
    return Object.fromEntries(Array.from(this.nodes, ([path, node]) => [path, node.measure()]))
  }

  /**
   * A deep copy of all state, held items and metrics. Exact when the run has ended or was closed, also half-way, and between two pulls of
   * a plan in which nothing runs concurrently; else what concurrent branches work on at this moment is not in it.
   */
  save(): Checkpoint {
    const nodes = Object.fromEntries(Array.from(this.nodes, ([path, node]) => [path, node.save()]))
    return { version: VERSION, nodes, metrics: this.metrics.save() }
  }

  /**
   * The next run goes on from this checkpoint.
   *
   * @throws MillraceError E_PLAN_CHECKPOINT, if it is of another version or another plan
   */
  load({ version, nodes, metrics }: Checkpoint): void {
    const code = 'E_PLAN_CHECKPOINT'
    demand(version === VERSION, `the checkpoint has version ${String(version)}, this program knows ${VERSION}`, {
      code,
    })
    for (const path of Object.keys(nodes))
      demand(this.nodes.has(path), `the plan has no '${path}', the checkpoint does`, { code })
    for (const path of this.nodes.keys())
      demand(path in nodes, `the checkpoint has no '${path}', the plan does`, { code })
    this.loaded = nodes
    this.metrics.load(metrics)
    this.reset()
  }

  private add(spec: NodeSpec): PlanNode {
    const inputs = spec.inputs ?? []
    const { operator, params } = spec
    const own =
      typeof params === 'object' && params && 'fn' in params ? `${operator}(${String(params['fn'])})` : operator
    for (const input of [...inputs, ...(spec.writes ? [spec.writes] : [])]) {
      const known = this.nodes.get(input.path) === input
      demand(known, `'${input.path}' is of another plan than the '${own}' that takes its items`, {
        code: 'E_PLAN_SHAPE',
      })
    }
    const base = spec.path ?? (inputs.length === 1 ? `${inputs[0]!.path}/${own}` : own)
    let path = base
    for (let i = 2; this.nodes.has(path); i++) path = `${base}#${i}`
    const node = new PlanNode(spec, path)
    this.nodes.set(path, node)
    return node
  }

  private start(root: PlanNode, options: RunOptions = {}): Run {
    demand(this.running?.closed !== false, `plan '${this.name}' is already running`, { code: 'E_PLAN_SHAPE' })
    this.running = new Run(root, this.metrics, options)
    this.reset()
    this.loaded = {}
    return this.running
  }

  private reset(): void {
    for (const [path, node] of this.nodes) node.load(this.loaded[path])
  }
}

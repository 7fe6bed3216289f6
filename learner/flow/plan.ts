import { read } from './channel.ts'
import { type Book, checkQueue, codeOf, Flow, ParallelFlow, type Queue } from './flow.ts'
import { gatherBranches } from './gather.ts'
import { graphOf } from './graph.ts'
import { Metrics } from './metrics.ts'
import { type NodeSpec, PlanNode } from './node.ts'
import { demand, demandInteger, demandOneOf } from './operator.ts'
import { freshTurns, takeTurns } from './roundRobin.ts'
import { type Run, startRun } from './run.ts'
import { DONE, type Running } from './running.ts'
import type { Checkpoint, ConcurrentlyOptions, Context, NodeMeasure, Operator } from './types.ts'
import type { PlanGraph, QueueOptions, ResourceKey, RunOptions, Sharded, Stage } from './types.ts'

type Opens<T> = Iterable<T> | AsyncIterable<T> | ((ctx: Context) => Iterable<T> | AsyncIterable<T>)
type ItemOf<F> = F extends Flow<infer T> ? T : never

/** A dataflow as data: named nodes with plain parameters, and between runs the state that goes into a checkpoint. */
export class Plan {
  readonly name: string
  /** Written by every node; part of the checkpoint. */
  readonly metrics = new Metrics()
  private readonly nodes = new Map<string, PlanNode>()
  private readonly book: Book = { add: (spec) => this.add(spec), iterate: (node) => this.start(node) }
  private running: Run | undefined
  private loaded: Checkpoint['nodes'] = {}

  constructor(name = 'plan') {
    this.name = name
  }

  /** Where items come from: an operator; an iterable, or a function that opens one; a sharded source, or the resource that will be one. */
  source<T>(operator: Operator<never, T>): Flow<T>
  source<T>(name: string, from: Sharded<T>): ParallelFlow<T>
  source<T>(name: string, from: Opens<T>): Flow<T>
  source<T>(named: string | Operator<never, T>, from: Sharded<T> | Opens<T> = []): Flow<T> | ParallelFlow<T> {
    if (typeof named !== 'string') return new Flow(this.book, this.add(codeOf(named)))
    if (!('shards' in from || 'of' in from)) {
      return new Flow(this.book, this.add({ operator: named, run: (running) => itemsOf(from, running) }))
    }
    const definition = 'of' in from ? { uses: [from as ResourceKey<never>] } : {}
    return new ParallelFlow(this.book, this.add({ operator: named, kind: 'atSource', from, definition }))
  }

  /** A bounded queue, for `flow.enqueue` and `plan.dequeue`; what it does when it is full has to be said. */
  queue<T>(name: string, given: QueueOptions): Queue<T> {
    const path = `queue(${name})`
    const options = checkQueue(given, path)
    demand(!this.nodes.has(path), `there are two queues named '${name}'`, { code: 'E_PLAN_SHAPE' })
    return { node: this.add({ operator: name, params: options, kind: 'queue', path, outputs: Infinity }), options }
  }

  /** The items of a queue, oldest first. It ends when the queue is empty and every writer has ended. */
  dequeue<T>({ node }: Queue<T>): Flow<T> {
    const run = (running: Running) => read(running, { key: node, buffer: node })
    return new Flow(this.book, this.add({ operator: 'dequeue', inputs: [node], run }))
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
    const check = (condition: boolean, sentence: string) => demand(condition, `concurrently: ${sentence}`)
    demandOneOf(mode, ['roundRobin', 'async'], 'concurrently: mode')
    demandInteger(seed, Number.MIN_SAFE_INTEGER, 'concurrently: seed')
    check(mode === 'roundRobin' || options.weights === undefined, "weights are for mode 'roundRobin'")
    const each = weights.length === flows.length && weights.every(works)
    check(each, `each of ${flows.length} flows has a weight over 0 or '*', got ${weights.join(', ')}`)
    const some = output.length > 0 && output.every((i) => i in flows)
    check(some, `output names at least one of ${flows.length} flows, from 0, got ${output.join(', ')}`)
    const turns = { weights, output, seed }
    const state = () => freshTurns(turns)
    const code: Partial<NodeSpec> =
      mode === 'async'
        ? { params: { mode, output }, run: (at) => gatherBranches(at, output) }
        : { params: { mode, ...turns }, definition: { state }, run: (at) => takeTurns(at, turns) }
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

  /** Names of the resources that its nodes use. */
  uses(): ReadonlySet<string> {
    const used = [...this.nodes.values()].flatMap(({ spec }) => spec.definition?.uses ?? [])
    return new Set(used.map(({ name }) => name))
  }

  /** What runs at a source, in order. */
  stagesOf(source: Sharded<never>): readonly Stage[] {
    const at = [...this.nodes.values()].filter(({ spec }) => spec.from === source)
    return at.at(-1)?.spec.stages ?? []
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
    return { version: 1, nodes, metrics: this.metrics.save() }
  }

  /**
   * The next run goes on from this checkpoint.
   *
   * @throws MillraceError E_PLAN_CHECKPOINT, if it is of another version or another plan
   */
  load({ version, nodes, metrics }: Checkpoint): void {
    const check = (condition: boolean, sentence: string) => demand(condition, sentence, { code: 'E_PLAN_CHECKPOINT' })
    const odd = [...this.nodes.keys(), ...Object.keys(nodes)].find((path) => !this.nodes.has(path) || !(path in nodes))
    check(version === 1, `the checkpoint has version ${String(version)}, this program knows 1`)
    check(odd === undefined, `'${odd}' is in only one of the plan and the checkpoint`)
    this.loaded = nodes
    this.metrics.load(metrics)
    this.reset()
  }

  private add(spec: NodeSpec): PlanNode {
    const { operator, inputs = [], writes } = spec
    const foreign = [...inputs, ...(writes ? [writes] : [])].find((node) => this.nodes.get(node.path) !== node)
    demand(foreign === undefined, `'${foreign?.path}' is not of the plan of '${operator}'`, { code: 'E_PLAN_SHAPE' })
    demand(!spec.step || inputs.length > 0, `'${operator}' needs items, it is no source`, { code: 'E_PLAN_SHAPE' })
    const base = spec.path ?? (inputs.length === 1 ? `${inputs[0]!.path}/${operator}` : operator)
    let path = base
    for (let i = 2; this.nodes.has(path); i++) path = `${base}#${i}`
    const node = new PlanNode(spec, path)
    this.nodes.set(path, node)
    return node
  }

  private start(root: PlanNode, options: RunOptions = {}): Run {
    demand(this.running?.closed !== false, `plan '${this.name}' is already running`, { code: 'E_PLAN_SHAPE' })
    const run = (this.running = startRun(root, this.metrics, options))
    this.reset()
    this.loaded = {}
    return run
  }

  private reset(): void {
    for (const [path, node] of this.nodes) node.load(this.loaded[path])
  }
}

/** The items of an iterable, opened at the first pull. One that comes after an abort is still given to whoever pulled. */
function itemsOf(from: Opens<unknown>, { ctx }: Running): AsyncIterator<unknown> {
  let iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined
  const open = (iterable: Exclude<typeof from, (ctx: Context) => unknown>) =>
    Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
  const next = async () => {
    ctx.signal.throwIfAborted()
    return (iterator ??= open(typeof from === 'function' ? from(ctx) : from)).next()
  }
  return { next, return: async () => (await iterator?.return?.()) ?? DONE }
}

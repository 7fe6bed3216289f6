import { MillraceError } from '../../shared/errors.ts'
import { Random } from '../../shared/random.ts'
import { type Engine, type HostTensor, PolicyTemplate } from '../tensor/index.ts'
import { SetBuffers, beginning } from './buffers.ts'
import { LoadedGraph } from './loadedGraph.ts'
import { MetricMeans } from './metricMeans.ts'
import type { Program, ProgramPolicy } from './program.ts'
import type { Rule } from './rules.ts'
import { type ProgramState, checkState } from './state.ts'

/** What a call is given. */
export interface CallInputs {
  /** By name. */
  readonly columns: Readonly<Record<string, HostTensor>>
  readonly rates: Readonly<Record<string, number>>
}

export interface CallResult {
  /** Means over what was run, by name; of epochs over the last of them. */
  readonly metrics: Readonly<Record<string, number>>
  /** What its graphs gave as columns. */
  readonly columns: Readonly<Record<string, HostTensor>>
}

type RunRule = Extract<Rule, { run: string }>

/** A program with its state, in whatever thread it is made. One call at a time. */
export class ProgramRunner {
  private readonly program: Program
  private readonly sets: Readonly<Record<string, SetBuffers>>
  private readonly scalars: Record<string, number>
  private readonly calls: Record<string, number>
  private readonly random: Random
  private readonly templates: Readonly<Record<string, PolicyTemplate>>
  private readonly graphs: Promise<Readonly<Record<string, LoadedGraph>>>

  /**
   * Policies can be had at once; graphs are loaded meanwhile.
   *
   * @param earlier state to go on from
   * @throws MillraceError E_CHECKPOINT when `earlier` is not of this program
   */
  constructor(engine: Engine, program: Program, earlier?: ProgramState) {
    if (earlier) checkState(program, earlier)
    this.program = program
    this.sets = mapped(program.sets, (set, name) => new SetBuffers(name, earlier?.sets[name] ?? beginning(set)))
    this.scalars = { ...(earlier?.scalars ?? program.scalars) }
    this.calls = { ...earlier?.calls }
    this.random = new Random(program.seed)
    if (earlier) this.random.load(earlier.random)
    this.templates = mapped(program.policies, ({ model }) => new PolicyTemplate(model))
    this.graphs = loadAll(engine, program)
    // Whoever calls first sees the failure; until then it must not count as unhandled.
    this.graphs.catch(() => undefined)
  }

  /**
   * Does the rules of a call.
   *
   * @throws MillraceError E_TRAIN_DIVERGED when a metric is not finite: of the step that it is of, nothing was kept; E_ENGINE, E_BATCH_SHAPE
   */
  async call(name: string, { columns, rates }: CallInputs): Promise<CallResult> {
    const rules = own(this.program.calls, name, 'call')
    const graphs = await this.graphs
    const count = (this.calls[name] = (this.calls[name] ?? 0) + 1)
    const means = new MetricMeans()
    const seen = { ...columns }
    const given: Record<string, HostTensor> = {}
    for (const rule of rules) {
      if ('every' in rule && rule.every !== undefined && count % rule.every !== 0) continue
      if ('copy' in rule) this.setNamed(rule.into).blend(this.setNamed(rule.copy).weights, rule.tau ?? 1)
      else if ('adapt' in rule) this.adapt(rule, means)
      else {
        const graph = own(graphs, rule.run, 'graph')
        Object.assign(given, await this.run(graph, rule, { columns: seen, rates }, means, name))
        Object.assign(seen, given)
      }
    }
    return { metrics: { ...means.values(), ...this.scalars }, columns: given }
  }

  /** The policy of a name with its weights as the last finished call left them, as ONNX. */
  policy(name: string): Uint8Array<ArrayBuffer> {
    const { sets } = own(this.program.policies, name, 'policy') satisfies ProgramPolicy
    return own(this.templates, name, 'policy').withWeights(joined(sets.map((set) => this.setNamed(set).weights)))
  }

  /** A copy of everything that calls change. */
  save(): ProgramState {
    return {
      sets: mapped(this.sets, (set) => set.save()),
      scalars: { ...this.scalars },
      calls: { ...this.calls },
      random: this.random.save(),
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(await this.graphs).map((graph) => graph.close()))
  }

  private async run(
    graph: LoadedGraph,
    rule: RunRule,
    inputs: CallInputs,
    means: MetricMeans,
    call: string,
  ): Promise<Readonly<Record<string, HostTensor>>> {
    const { sets, scalars, random } = this
    if (!('epochs' in rule)) return await graph.step({ ...inputs, sets, scalars, random }, means, call)
    const batches = graph.minibatches(inputs.columns, rule.rows)
    let ofEpoch = new MetricMeans()
    for (let epoch = 0; epoch < rule.epochs; epoch++) {
      ofEpoch = new MetricMeans()
      for (const columns of batches.epoch(random))
        await graph.step({ columns, rates: inputs.rates, sets, scalars, random }, ofEpoch, call)
      if (rule.until && (ofEpoch.values()[rule.until.metric] ?? 0) > rule.until.above) break
    }
    means.addAll(ofEpoch)
    return {}
  }

  private adapt({ adapt, by, target }: Extract<Rule, { adapt: string }>, means: MetricMeans): void {
    const value = means.values()[by] ?? target
    const before = this.scalars[adapt] ?? 0
    if (value > 2 * target) this.scalars[adapt] = before * 1.5
    else if (value < target / 2) this.scalars[adapt] = before / 1.5
  }

  private setNamed(name: string): SetBuffers {
    return own(this.sets, name, 'set')
  }
}

/** Those that a call runs; others are run by functions. */
async function loadAll(
  engine: Engine,
  { name: algorithm, graphs, calls }: Program,
): Promise<Readonly<Record<string, LoadedGraph>>> {
  const run = new Set(
    Object.values(calls).flatMap((rules) => rules.flatMap((rule) => ('run' in rule ? [rule.run] : []))),
  )
  const loaded = Object.entries(graphs)
    .filter(([name]) => run.has(name))
    .map(async ([name, graph]) => [name, await LoadedGraph.load(engine, { algorithm, name }, graph)] as const)
  return Object.fromEntries(await Promise.all(loaded))
}

function joined(vectors: readonly Float32Array[]): Float32Array {
  const [only] = vectors
  if (only && vectors.length === 1) return only
  const whole = new Float32Array(vectors.reduce((length, vector) => length + vector.length, 0))
  let at = 0
  for (const vector of vectors) {
    whole.set(vector, at)
    at += vector.length
  }
  return whole
}

function mapped<T, R>(of: Readonly<Record<string, T>>, make: (value: T, name: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value, name)]))
}

function own<T>(of: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(of, name) ? of[name] : undefined
  if (found !== undefined) return found
  throw new MillraceError(
    'E_GRAPH',
    `the program has no ${kind} '${name}'; it has ${Object.keys(of).join(', ') || 'none'}`,
  )
}

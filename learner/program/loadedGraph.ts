import { shownRange } from '../../shared/batch/range.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Random } from '../../shared/random.ts'
import { type Engine, type HostTensor, type LoadedProgram, float32, inputName, unpackGraph } from '../tensor/index.ts'
import type { SetBuffers } from './buffers.ts'
import type { MetricMeans } from './metricMeans.ts'
import { Minibatches } from './minibatches.ts'
import { bindingOf } from './names.ts'
import type { ProgramGraph } from './program.ts'

/** A batch of another size than the graph was made for is a slip in an algorithm, whose author knows nothing of engines. */
function explained(error: unknown): never {
  const input = isMillraceError(error, 'E_ENGINE') ? String(error.where['input'] ?? '') : ''
  if (!isMillraceError(error) || !input.startsWith('column.') || !error.message.includes('expected')) throw error
  const why = 'the plan makes batches of another number of fragments than fragmentsPerUpdate says'
  throw new MillraceError(error.code, `${error.message}: ${why}`, error.where, { cause: error })
}

/** Where a graph's inputs come from. */
export interface StepInputs {
  readonly columns: Readonly<Record<string, HostTensor>>
  readonly rates: Readonly<Record<string, number>>
  readonly scalars: Readonly<Record<string, number>>
  readonly sets: Readonly<Record<string, SetBuffers>>
  readonly random: Random
}

interface Feed {
  readonly name: string
  readonly from: (inputs: StepInputs) => HostTensor
}

/** A graph of a program in an engine, with memory for what it is fed and gives. */
export class LoadedGraph {
  private readonly name: string
  private readonly algorithm: string
  private readonly given: ProgramGraph
  private readonly loaded: LoadedProgram
  private readonly feeds: readonly Feed[]
  private readonly columns: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[]
  private readonly metrics: HostTensor

  private constructor(
    { name, algorithm }: GraphOf,
    given: ProgramGraph,
    loaded: LoadedProgram,
    inputs: readonly Input[],
  ) {
    this.name = name
    this.algorithm = algorithm
    this.given = given
    this.loaded = loaded
    this.feeds = inputs.map((input) => ({ name: input.name, from: sourceOf(name, input) }))
    this.columns = inputs.flatMap(({ name: input, shape }) =>
      input.startsWith('column.') ? [{ name: input.slice('column.'.length), shape }] : [],
    )
    this.metrics = float32(new Float32Array(given.metrics.length))
  }

  /** @throws MillraceError E_ENGINE */
  static async load(engine: Engine, of: GraphOf, given: ProgramGraph): Promise<LoadedGraph> {
    const graph = unpackGraph(given.graph)
    const inputs = graph.inputs.map((node) => ({ name: inputName(node), shape: node.shape }))
    return new LoadedGraph(of, given, await engine.load(graph), inputs)
  }

  /** Runs the graph once. @returns the columns that it gives */
  async step(inputs: StepInputs, means: MetricMeans, call: string): Promise<Readonly<Record<string, HostTensor>>> {
    const { metrics: names, changes, assigns, gives } = this.given
    const feeds: Record<string, HostTensor> = {}
    for (const { name, from } of this.feeds) feeds[name] = from(inputs)
    const into: Record<string, HostTensor> = names.length > 0 ? { metrics: this.metrics } : {}
    for (const set of changes) Object.assign(into, inputs.sets[set]?.write)
    for (const set of assigns) Object.assign(into, inputs.sets[set]?.assigned)
    const results = await this.loaded.run(feeds, into).catch(explained)
    this.checkFinite(call, feeds)
    for (const set of changes) inputs.sets[set]?.swap()
    for (const set of assigns) inputs.sets[set]?.assign()
    means.add(names, this.metrics.data as Float32Array)
    return Object.fromEntries(gives.map((column) => [column, results[`column.${column}`] as HostTensor]))
  }

  /** The columns that the graph takes, cut into minibatches. @throws MillraceError E_BATCH_SHAPE */
  minibatches(columns: Readonly<Record<string, HostTensor>>, rows: number): Minibatches {
    const entries = this.columns.map(({ name, shape }) => {
      const [first, ...rest] = shape
      if (first !== rows || rest.some((d) => typeof d === 'string')) {
        throw new MillraceError(
          'E_BATCH_SHAPE',
          `column ${name} of graph '${this.name}' is [${shape.join(', ')}], and a minibatch has ${rows} rows`,
        )
      }
      return [name, { from: columnNamed(this.name, columns, name), shape: shape as readonly number[] }] as const
    })
    return new Minibatches(Object.fromEntries(entries), rows)
  }

  async close(): Promise<void> {
    await this.loaded.dispose()
  }

  /** @throws MillraceError E_TRAIN_DIVERGED with the ranges of the columns that the graph was fed: whose fault it is shows there mostly */
  private checkFinite(call: string, feeds: Readonly<Record<string, HostTensor>>): void {
    const values = this.metrics.data as Float32Array
    const bad = values.findIndex((x) => !Number.isFinite(x))
    if (bad < 0) return
    const metric = this.given.metrics[bad] ?? ''
    const ranges = this.columns.map(
      ({ name }) => `${name} ${shownRange((feeds[`column.${name}`]?.data ?? []) as ArrayLike<number>)}`,
    )
    throw new MillraceError(
      'E_TRAIN_DIVERGED',
      `${this.algorithm}: ${metric} is ${values[bad]} after an update (graph '${this.name}' of call '${call}'); the weights of before it were kept`,
      {
        algorithm: this.algorithm,
        call,
        graph: this.name,
        metric,
        value: String(values[bad]),
        columns: ranges.join('; '),
      },
    )
  }
}

/** Which graph of which algorithm. */
interface GraphOf {
  readonly algorithm: string
  readonly name: string
}

interface Input {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

function sourceOf(graph: string, { name, shape }: Input): Feed['from'] {
  const binding = bindingOf(name)
  const of = binding?.of.join('.') ?? ''
  const [set = ''] = binding?.of ?? []
  switch (binding?.kind) {
    case 'set':
    case 'slot':
    case 'step':
      return ({ sets }) => sets[set]?.read[name] as HostTensor
    case 'rate':
      return numberFrom(({ rates }) => rates[of], `the rate '${of}', which was not given`)
    case 'scalar':
      return numberFrom(({ scalars }) => scalars[of], `the scalar '${of}', which there is not`)
    case 'normal':
    case 'uniform': {
      const tensor = float32(new Float32Array(shape.reduce<number>((n, d) => n * Number(d), 1)), shape as number[])
      return ({ random }) => {
        const { data } = tensor
        for (let i = 0; i < data.length; i++) data[i] = binding.kind === 'normal' ? random.normal() : random.uniform()
        return tensor
      }
    }
    case 'column':
    case undefined:
      return ({ columns }) => columnNamed(graph, columns, of)
  }

  function numberFrom(read: (inputs: StepInputs) => number | undefined, missing: string): Feed['from'] {
    const tensor = float32(new Float32Array(1), [])
    return (inputs) => {
      const value = read(inputs)
      if (value === undefined) throw new MillraceError('E_GRAPH', `graph '${graph}' wants ${missing}`)
      tensor.data[0] = value
      return tensor
    }
  }
}

function columnNamed(graph: string, columns: Readonly<Record<string, HostTensor>>, name: string): HostTensor {
  const column = columns[name]
  if (column) return column
  throw new MillraceError('E_BATCH_SHAPE', `graph '${graph}' needs the column ${name}`, { column: name })
}

import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-node'
import { sha256Hex } from '../batch/hash.ts'
import { columnNamed } from '../batch/columns.ts'
import type { Column } from '../batch/sampleBatch.ts'
import type { ObjectStore } from '../cloud/ports.ts'
import { MillraceError } from '../errors.ts'
import type { SourceGraph } from '../protocol/sourceGraph.ts'
import { DAMAGED } from '../rollout/damaged.ts'

/** Errors are thrown; printing them too, past whatever a user reads, helps nobody. */
const SILENT = 4
const TYPES = { F32: 'float32', I32: 'int32', U8: 'uint8' } as const

/** What a graph is fed. */
export interface GraphInputs {
  readonly columns: Readonly<Record<string, Column>>
  readonly rates: Readonly<Record<string, number>>
  /** The policy whose weights it takes. */
  readonly model: Uint8Array
}

/** What it gives. */
export interface GraphOutputs {
  /** By name, new memory. */
  readonly columns: Readonly<Record<string, Float32Array>>
  /** [M] */
  readonly metrics: Float32Array
}

/**
 * A graph of the learner's program at the source. It is opened and fed as the learner does it, so that on the same processor both give
 * the same bits.
 */
export class GraphSession {
  readonly graph: SourceGraph
  private readonly runtime: { readonly Tensor: TensorConstructor }
  private readonly session: InferenceSession
  /** Of the policy that was asked for last. */
  private last: { readonly model: Uint8Array; readonly weights: Float32Array } | undefined

  private constructor(graph: SourceGraph, runtime: { readonly Tensor: TensorConstructor }, session: InferenceSession) {
    this.graph = graph
    this.runtime = runtime
    this.session = session
  }

  /** @throws MillraceError E_GRAPH when it is not in the bucket, was altered, or cannot be opened; E_STORE */
  static async load(graph: SourceGraph, store: Pick<ObjectStore, 'get'>): Promise<GraphSession> {
    const { key, sha256 } = graph
    const found = await store.get(key)
    const where = { key, [DAMAGED]: key }
    if (found.kind !== 'found') throw new MillraceError('E_GRAPH', 'a graph of the run is not in the bucket', where)
    if (sha256Hex(found.body) !== sha256) throw new MillraceError('E_GRAPH', 'a graph of the run was altered', where)
    const runtime = await import('onnxruntime-node')
    try {
      const session = await runtime.InferenceSession.create(found.body, {
        executionProviders: ['cpu'],
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: SILENT,
      })
      return new GraphSession(graph, runtime, session)
    } catch (cause) {
      throw new MillraceError('E_GRAPH', `a graph of the run cannot be opened: ${String(cause)}`, { key }, { cause })
    }
  }

  /** Columns that it takes, with their sizes; a name stands for one that is open. */
  get columns(): readonly { readonly name: string; readonly shape: readonly (number | string)[] }[] {
    return this.session.inputMetadata.flatMap((input) =>
      input.isTensor && input.name.startsWith('column.')
        ? [{ name: input.name.slice('column.'.length), shape: input.shape }]
        : [],
    )
  }

  /** @throws MillraceError E_BATCH_SHAPE when a column is missing; E_GRAPH when it cannot be run, or gives numbers that are not finite */
  async run(inputs: GraphInputs): Promise<GraphOutputs> {
    const feeds: Record<string, Tensor> = {}
    for (const name of this.session.inputNames) feeds[name] = this.feed(name, inputs)
    const results = await this.session.run(feeds).catch((cause: unknown) => {
      throw new MillraceError('E_GRAPH', `a graph failed at the source: ${String(cause)}`, {}, { cause })
    })
    const columns: Record<string, Float32Array> = {}
    for (const [name, { data }] of Object.entries(results))
      if (name.startsWith('column.')) columns[name.slice('column.'.length)] = data as Float32Array
    return { columns, metrics: (results['metrics']?.data as Float32Array | undefined) ?? new Float32Array(0) }
  }

  private feed(name: string, { columns, rates, model }: GraphInputs): Tensor {
    const { Tensor } = this.runtime
    const dot = name.indexOf('.')
    const [kind, of] = [name.slice(0, dot), name.slice(dot + 1)]
    if (kind === 'column') {
      const { dtype, data, shape } = columnNamed({ columns }, of)
      if (dtype !== 'F64') return new Tensor(TYPES[dtype] as 'float32', data as Float32Array, shape)
    }
    if (kind === 'set' && of === this.graph.weights?.set)
      return new Tensor('float32', this.weightsOf(model), [this.graph.weights.size])
    const rate = kind === 'rate' ? rates[of] : undefined
    if (rate !== undefined) return new Tensor('float32', Float32Array.of(rate), [])
    throw new MillraceError('E_GRAPH', `a graph at the source wants '${name}', which there is not`, { input: name })
  }

  /** The flat vector [P] out of a policy's model. It is written once: several streams may run the graph at a time. */
  private weightsOf(model: Uint8Array): Float32Array {
    if (this.last?.model === model) return this.last.weights
    const weights = new Float32Array(this.graph.weights?.size ?? 0)
    const bytes = new Uint8Array(weights.buffer)
    for (const [from, to, length] of this.graph.weights?.places ?? [])
      bytes.set(model.subarray(from, from + length), to)
    this.last = { model, weights }
    return weights
  }
}

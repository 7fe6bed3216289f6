import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { MillraceError } from '../../../shared/errors.ts'
import type { Graph } from '../graph.ts'
import type { DType, HostTensor, TypedArray } from '../host.ts'
import { toOnnx } from '../onnx/model.ts'
import type { Engine, LoadedProgram } from './engine.ts'
import { checkFeeds, wantedBy } from './feeds.ts'

export interface OnnxRuntimeOptions {
  /** Threads inside one operator, an integer > 0; 1 if not given. */
  readonly threads?: number
  /** Where to run; what it cannot run itself falls back to the CPU. `cpu` if not given. */
  readonly provider?: 'cpu' | 'cuda' | 'webgpu'
}

/** Errors are thrown; printing them too, past whatever a command shows, helps nobody. */
const SILENT = 4

/** Runs graphs as ONNX models. A run keeps its thread busy, so a service should hold this engine in a worker thread. */
export function onnxRuntimeEngine({ threads = 1, provider = 'cpu' }: OnnxRuntimeOptions = {}): Engine {
  return {
    name: `onnxruntime-${provider}`,
    load: async (graph) => {
      const ort = await import('onnxruntime-node')
      try {
        const session = await ort.InferenceSession.create(toOnnx(graph).bytes, {
          executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
          executionMode: 'sequential',
          graphOptimizationLevel: 'all',
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          logSeverityLevel: SILENT,
        })
        return program({ graph, session, Tensor: ort.Tensor })
      } catch (cause) {
        throw failed(graph.name, `could not be loaded by onnxruntime (${provider})`, cause)
      }
    },
  }
}

interface Loaded {
  readonly graph: Graph
  readonly session: InferenceSession
  readonly Tensor: typeof OrtTensor
}

function program({ graph, session, Tensor }: Loaded): LoadedProgram {
  const wanted = wantedBy(graph)
  const outputs = Object.keys(graph.outputs)
  const toOrt = ({ dtype, data, shape }: HostTensor): OrtTensor =>
    new Tensor(dtype as 'float32', data as Float32Array, shape)
  return {
    run: async (feeds, into = {}) => {
      checkFeeds(graph.name, wanted, feeds)
      const given: Record<string, OrtTensor> = {}
      for (const { name } of wanted) given[name] = toOrt(feeds[name] as HostTensor)
      const fetches: Record<string, OrtTensor | null> = {}
      for (const name of outputs) fetches[name] = into[name] ? toOrt(into[name]) : null
      try {
        const results = await session.run(given, fetches)
        const out: Record<string, HostTensor> = {}
        for (const name of outputs) out[name] = into[name] ?? toHost(results[name] as OrtTensor)
        return out
      } catch (cause) {
        throw failed(graph.name, 'failed in onnxruntime', cause)
      }
    },
    dispose: async () => await session.release(),
  }
}

const toHost = ({ type, dims, data }: OrtTensor): HostTensor => ({
  dtype: type as DType,
  shape: dims,
  data: data as TypedArray,
})

const failed = (graph: string, problem: string, cause: unknown): MillraceError =>
  cause instanceof MillraceError
    ? cause
    : new MillraceError(
        'E_ENGINE',
        `graph "${graph}" ${problem}: ${cause instanceof Error ? cause.message : String(cause)}`,
        { graph },
        { cause },
      )

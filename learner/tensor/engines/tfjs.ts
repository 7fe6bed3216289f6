import { MillraceError } from '../../../shared/errors.ts'
import { deduplicate, type Graph, type Tensor } from '../graph.ts'
import { allocate, type HostTensor, type TypedArray } from '../host.ts'
import { inputName } from '../ops/sources.ts'
import type { Engine, LoadedProgram } from './engine.ts'
import { checkFeeds, wantedBy } from './feeds.ts'
import type { Tf, TfTensor } from './tf.ts'

/** Where TensorFlow.js is looked for, the first with native kernels. */
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs']

/**
 * Runs graphs through TensorFlow.js, node by node.
 *
 * @param tf the library, if it is at hand; else `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs` is loaded, whichever is installed
 * @param packages where it is looked for then
 */
export function tfjsEngine(tf?: Tf, packages: readonly string[] = PACKAGES): Engine {
  return {
    name: 'tfjs',
    load: async (graph) => program(graph, tf ?? (await installed(packages))),
  }
}

/** @throws MillraceError E_ENGINE if none of the packages can be loaded */
async function installed(packages: readonly string[]): Promise<Tf> {
  const failures: unknown[] = []
  for (const name of packages) {
    try {
      const module = (await import(name)) as Partial<Tf> & { readonly default?: Tf }
      return module.tensor === undefined && module.default ? module.default : (module as Tf)
    } catch (cause) {
      failures.push(cause)
    }
  }
  throw new MillraceError(
    'E_ENGINE',
    `the tfjs engine needs ${packages.join(' or ')}; none could be loaded`,
    {},
    {
      cause: new AggregateError(failures),
    },
  )
}

function program(graph: Graph, tf: Tf): LoadedProgram {
  const wanted = wantedBy(graph)
  const { nodes, find } = deduplicate([...graph.inputs, ...Object.values(graph.outputs)])
  return {
    run: async (feeds, into = {}) => {
      checkFeeds(graph.name, wanted, feeds)
      const results = tf.tidy(() => {
        const values = new Map<Tensor, TfTensor>()
        for (const x of graph.inputs) values.set(x, toTf(tf, feeds[inputName(x)] as HostTensor))
        for (const node of nodes) {
          if (!values.has(node))
            values.set(node, node.op.tf(tf, node, ...node.inputs.map((x) => values.get(find(x)) as TfTensor)))
        }
        return Object.fromEntries(
          Object.entries(graph.outputs).map(([name, x]) => [name, values.get(find(x)) as TfTensor]),
        )
      })
      const out: Record<string, HostTensor> = {}
      for (const [name, x] of Object.entries(graph.outputs)) {
        out[name] = fromTf({
          dtype: x.dtype,
          result: results[name] as TfTensor,
          data: await (results[name] as TfTensor).data(),
          into: into[name],
        })
      }
      for (const result of Object.values(results)) result.dispose()
      return out
    },
    dispose: async () => {},
  }
}

function toTf(tf: Tf, { dtype, data, shape }: HostTensor): TfTensor {
  if (dtype === 'float32' || dtype === 'bool') return tf.tensor(data as Float32Array | Uint8Array, [...shape], dtype)
  return tf.tensor(data instanceof Int32Array ? data : Int32Array.from(data as Uint8Array, Number), [...shape], 'int32')
}

interface Fetched {
  readonly dtype: HostTensor['dtype']
  readonly result: TfTensor
  readonly data: TypedArray
  readonly into: HostTensor | undefined
}

function fromTf({ dtype, result, data, into }: Fetched): HostTensor {
  const target = into?.data ?? allocate(dtype, data.length)
  if (target instanceof BigInt64Array) target.set(BigInt64Array.from(data as Int32Array, BigInt))
  else target.set(data as Float32Array)
  return into ?? { dtype, shape: result.shape, data: target }
}

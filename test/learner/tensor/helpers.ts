import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import {
  float32,
  onnxRuntimeEngine,
  seededUniform,
  type Engine,
  type Graph,
  type HostTensor,
  type Tensor,
} from '../../../learner/tensor/index.ts'

/** A file of reference numbers. */
export const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../golden/${name}.json`, import.meta.url), 'utf8'))

export type Nested = number | readonly Nested[]

/** Numbers of nested arrays, row-major. */
export const flat = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat))

/** Nested arrays as a float32 tensor. */
export function fromNested(values: Nested): HostTensor {
  const shape: number[] = []
  for (let v: Nested | undefined = values; typeof v === 'object'; v = v[0]) shape.push(v.length)
  return float32(flat(values), shape)
}

/** Runs a graph once and gives each output's numbers. */
export async function evaluate(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: ReadonlyMap<Tensor, HostTensor>,
  engine: Engine = onnxRuntimeEngine(),
): Promise<Record<string, number[]>> {
  const graph: Graph = { name: 'test', inputs: [...feeds.keys()], outputs }
  const program = await engine.load(graph)
  try {
    const named = [...feeds].map(([node, value]) => [(node.attributes as { name: string }).name, value])
    const results = await program.run(Object.fromEntries(named))
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]))
  } finally {
    await program.dispose()
  }
}

/** Every element within `tolerance`, absolute for numbers under 1 and relative above. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'value',
): void {
  expect(actual.length, `length of ${what}`).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number]
    const limit = tolerance * Math.max(1, Math.abs(e))
    if (!(Math.abs(a - e) <= limit)) expect.fail(`${what}[${i}] is ${a}, expected ${e} within ${limit}`)
  }
}

/** Numbers at least 0.05 from 0 and from one another, in random order and of random sign: away from every kink. */
export function spread(length: number, seed: number): Float32Array {
  const uniform = seededUniform(seed)
  const order = Array.from({ length }, (_, i) => [uniform(), i] as const).toSorted((a, b) => a[0] - b[0])
  return Float32Array.from(
    order,
    ([, i]) => (uniform() < 0.5 ? -1 : 1) * (0.1 + (1.4 * (i + 0.2 * uniform())) / length),
  )
}

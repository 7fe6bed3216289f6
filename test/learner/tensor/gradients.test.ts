import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { reachable } from '../../../learner/tensor/graph.ts'
import { expectClose, spread } from './helpers.ts'
import { OP_CASES, tf, type OpCase } from './opCases.ts'

const SEEDS = fc.integer({ min: 1, max: 2 ** 30 })
const ENGINES = [t.onnxRuntimeEngine(), t.tfjsEngine(tf as unknown as t.Tf)]

/** f, and the gradients of sum(weights f). */
function graphOf(c: OpCase) {
  const xs = c.shapes.map((shape, i) => t.input(`x${i}`, shape))
  const result = c.ours(...xs)
  const weights = t.input('weights', result.shape)
  const loss = t.reduceSum(t.mul(result, weights))
  const names = xs.map((_, i) => `g${i}`)
  const grads = t.gradients(loss, xs)
  return {
    resultShape: result.shape as readonly number[],
    graph: {
      name: c.name,
      inputs: [...xs, weights],
      outputs: { loss, ...Object.fromEntries(names.map((n, i) => [n, grads[i] as t.Tensor])) },
    },
  }
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

function draw(c: OpCase, resultShape: readonly number[], seed: number): Record<string, t.HostTensor> {
  const total = c.shapes.reduce((n, shape) => n + size(shape), 0)
  const values = spread(total, seed).map((v) => (c.positive ? Math.abs(v) + 0.3 : v))
  let used = 0
  const feeds = c.shapes.map((shape, i): [string, t.HostTensor] => {
    used += size(shape)
    return [`x${i}`, t.float32(values.slice(used - size(shape), used), shape)]
  })
  return { ...Object.fromEntries(feeds), weights: t.float32(spread(size(resultShape), seed + 1), resultShape) }
}

function byTensorFlow(c: OpCase, feeds: Record<string, t.HostTensor>): number[][] {
  const tensor = (name: string) => tf.tensor(feeds[name]?.data as Float32Array, [...(feeds[name]?.shape ?? [])])
  const grads = tf.grads((...xs) => tf.sum(tf.mul(c.theirs(...xs), tensor('weights'))))(
    c.shapes.map((_, i) => tensor(`x${i}`)),
  )
  return grads.map((g) => Array.from(g.dataSync()))
}

async function byDifferences(program: t.Program, feeds: Record<string, t.HostTensor>, name: string): Promise<number[]> {
  const { data, shape } = feeds[name] as t.HostTensor
  const step = 0.01
  const slopes: number[] = []
  for (let i = 0; i < data.length; i++) {
    const losses: number[] = []
    for (const sign of [1, -1]) {
      const moved = Float32Array.from(data as Float32Array)
      moved[i] = (moved[i] as number) + sign * step
      losses.push(Number((await program.run({ ...feeds, [name]: t.float32(moved, shape) }))['loss']?.data[0]))
    }
    slopes.push(((losses[0] as number) - (losses[1] as number)) / (2 * step))
  }
  return slopes
}

describe.each(OP_CASES)('$name', (c) => {
  test('its gradient is that of TensorFlow.js and of central differences, in both engines', async () => {
    const { graph, resultShape } = graphOf(c)
    const programs = await Promise.all(ENGINES.map((engine) => engine.load(graph)))
    const run = async (seed: number, differences: boolean) => {
      const feeds = draw(c, resultShape, seed)
      const expected = byTensorFlow(c, feeds)
      for (const program of programs) {
        const got = await program.run(feeds)
        for (const [i, e] of expected.entries())
          expectClose(got[`g${i}`]?.data as Float32Array, e, 1e-5, `gradient ${i}`)
      }
      // TensorFlow.js's own functions cannot show that a stopped gradient is one; differences see through it.
      if (!differences || c.name === 'stopGradient') return
      for (const [i, e] of expected.entries()) {
        expectClose(await byDifferences(programs[0] as t.Program, feeds, `x${i}`), e, 4e-3, `slope ${i}`)
      }
    }
    await run(7, true)
    await fc.assert(
      fc.asyncProperty(SEEDS, async (seed) => await run(seed, false)),
      { numRuns: 5 },
    )
    await Promise.all(programs.map(async (program) => await program.dispose()))
  })
})

test('every operator with a gradient rule is among the cases', () => {
  const used = new Set(
    OP_CASES.flatMap((c) => {
      const { graph } = graphOf(c)
      return reachable(Object.values(graph.outputs)).map((node) => node.op.name)
    }),
  )
  const differentiable = [...t.OPS.values()].filter((op) => op.gradient !== null).map((op) => op.name)
  expect(differentiable.length).toBeGreaterThan(25)
  expect(differentiable.filter((name) => !used.has(name))).toEqual(['expandAs', 'pad']) // made for symbolic rows only: the next test
})

test('a gradient with respect to symbolic rows is right whatever their number', async () => {
  const x = t.input('x', ['N', 2])
  const b = t.input('b', [2])
  const [left, right] = t.split(x, [1, 1], 1) as [t.Tensor, t.Tensor]
  const again = t.slice(t.pad(t.concat([left, right], 1), { axis: 1, before: 1, after: 2 }), { start: 1, end: 3 }, 1)
  const loss = t.reduceMean(t.square(t.add(again, b)))
  const [gx, gb] = t.gradients(loss, [x, b]) as [t.Tensor, t.Tensor]
  const graph = { name: 'rows', inputs: [x, b], outputs: { gx, gb } }
  for (const engine of ENGINES) {
    const program = await engine.load(graph)
    for (const rows of [1, 3]) {
      const values = spread(2 * rows, rows)
      const out = await program.run({ x: t.float32(values, [rows, 2]), b: t.float32([0.5, -1]) })
      const expected = Array.from(values, (v, i) => (2 * (v + (i % 2 === 0 ? 0.5 : -1))) / (2 * rows))
      expectClose(out['gx']?.data as Float32Array, expected, 1e-6)
      const sums = [0, 1].map((column) => expected.filter((_, i) => i % 2 === column).reduce((p, q) => p + q, 0))
      expectClose(out['gb']?.data as Float32Array, sums, 1e-6)
    }
    await program.dispose()
  }
})

test('a convolution can be differentiated twice', async () => {
  const x = t.input('x', [1, 1, 4, 4])
  const w = t.input('w', [1, 1, 2, 2])
  const [gx] = t.gradients(t.reduceSum(t.square(t.conv2d(x, w, { strides: [2, 2] }))), [x]) as [t.Tensor]
  const [gw] = t.gradients(t.reduceSum(t.square(gx)), [w]) as [t.Tensor]
  const program = await t.onnxRuntimeEngine().load({ name: 'twice', inputs: [x, w], outputs: { gw } })
  const image = spread(16, 1)
  const kernel = spread(4, 2)
  const out = await program.run({ x: t.float32(image, [1, 1, 4, 4]), w: t.float32(kernel, [1, 1, 2, 2]) })
  await program.dispose()
  const at = (v: Float32Array, i: number) => v[i] as number
  // With stride 2 the 2x2 patches do not overlap: y = w.p, gx = 2 y w, |gx|² = 4 sum(y²) |w|².
  const patches = [0, 2, 8, 10].map((o) => [0, 1, 4, 5].map((d) => at(image, o + d)))
  const ys = patches.map((p) => p.reduce((s, v, i) => s + v * at(kernel, i), 0))
  const norm = kernel.reduce((s, v) => s + v * v, 0)
  const squares = ys.reduce((s, y) => s + y * y, 0)
  const expected = [0, 1, 2, 3].map(
    (i) => 4 * norm * ys.reduce((s, y, p) => s + 2 * y * (patches[p]?.[i] ?? 0), 0) + 8 * squares * at(kernel, i),
  )
  expectClose(out['gw']?.data as Float32Array, expected, 1e-5)
})

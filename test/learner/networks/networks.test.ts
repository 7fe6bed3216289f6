import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { defaultTorso, network, torso, type TorsoConfig } from '../../../learner/networks/index.ts'
import { substitute } from '../../../learner/tensor/graph.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, spread } from '../tensor/helpers.ts'

const OUTPUTS = { policy: { size: 3, gain: 0.01 }, value: { size: 1, gain: 1 } } as const

/** What a graph of these tensors gives with weights drawn from a seed. */
async function run(
  parameters: readonly t.Tensor[],
  outputs: Readonly<Record<string, t.Tensor>>,
  feeds: ReadonlyMap<t.Tensor, t.HostTensor>,
): Promise<Record<string, number[]>> {
  const values = t.initialWeights(parameters, t.seededUniform(3))
  const weights = t.input('weights', [values.length])
  const bound = substitute(Object.values(outputs), t.unflatten(weights, parameters))
  const named = Object.fromEntries(Object.keys(outputs).map((name, i) => [name, bound[i] as t.Tensor]))
  return await evaluate(named, new Map([...feeds, [weights, t.float32(values)]]))
}

test('default torsos fit a vector, a MinAtar grid and an Atari screen', () => {
  expect(defaultTorso([4])).toEqual({ kind: 'mlp', hidden: [64, 64], activation: 'tanh' })
  const grid = torso('t', [10, 10, 4], defaultTorso([10, 10, 4]))
  expect(t.layoutOf(grid.parameters).entries.map(({ shape }) => shape)).toEqual([
    [3, 3, 4, 16],
    [16],
    [1024, 128],
    [128],
  ])
  const screen = torso('t', [84, 84, 4], defaultTorso([84, 84, 4]))
  expect(t.layoutOf(screen.parameters).entries.map(({ shape }) => shape)).toEqual([
    [8, 8, 4, 32],
    [32],
    [4, 4, 32, 64],
    [64],
    [3, 3, 64, 64],
    [64],
    [3136, 512],
    [512],
  ])
  expect(screen.width).toBe(512)
  expect(() => torso('t', [4], defaultTorso([84, 84, 4]))).toThrow(/observations \[H, W, C\]/)
  expect(() => torso('t', [20, 20, 1], defaultTorso([84, 84, 4]))).toThrow(/layer 2 has a kernel of 3/)
})

test('initial weights come from the seed alone, and kernels and matrices are orthogonal with their gains', () => {
  const config: TorsoConfig = { ...defaultTorso([6, 6, 2]), hidden: [5] }
  const built = () =>
    network({ name: 'net', shape: [6, 6, 2], torso: config, outputs: OUTPUTS, shared: true }).parameters
  const weights = (seed: number) => t.initialWeights(built(), t.seededUniform(seed))
  expect(weights(1)).toEqual(weights(1))
  expect(weights(1)).not.toEqual(weights(2))
  const views = t.viewsOf(weights(1), t.layoutOf(built()))
  const columnNorms = (name: string) => {
    const { data, shape } = views[name] as t.HostTensor
    const columns = shape.at(-1) as number
    return Array.from({ length: columns }, (_, c) =>
      Math.sqrt(Array.from(data as Float32Array).reduce((sum, v, i) => sum + (i % columns === c ? v * v : 0), 0)),
    )
  }
  const rowNorms = (name: string) => {
    const { data, shape } = views[name] as t.HostTensor
    const width = shape.at(-1) as number
    const row = (r: number) => Array.from(data as Float32Array).slice(r * width, (r + 1) * width)
    return Array.from({ length: shape[0] as number }, (_, r) => Math.hypot(...row(r)))
  }
  expectClose(columnNorms('net.trunk.0.weight'), Array<number>(16).fill(Math.SQRT2), 1e-5)
  expectClose(rowNorms('net.policy.head.weight'), Array<number>(3).fill(0.01), 1e-5)
  expectClose(rowNorms('net.value.head.weight'), [1], 1e-5)
  expect((views['net.policy.head.bias'] as t.HostTensor).data.every((x) => Number(x) === 0)).toBe(true)
})

describe.each([true, false])('shared: %s', (shared) => {
  test('rows may be any number, bytes and floats give the same, and what is not shared is not touched', async () => {
    const config: TorsoConfig = { ...defaultTorso([5, 4, 2]), hidden: [6], layerNorm: true }
    const built = network({ name: 'net', shape: [5, 4, 2], torso: config, outputs: OUTPUTS, shared })
    const bytes = t.input('bytes', ['N', 5, 4, 2], 'uint8')
    const floats = t.input('floats', ['N', 5, 4, 2])
    const [a, b] = [built.apply(bytes), built.apply(floats)]
    const values = Uint8Array.from({ length: 3 * 40 }, (_, i) => (i * 7) % 3)
    const feeds = new Map<t.Tensor, t.HostTensor>([
      [bytes, { dtype: 'uint8', shape: [3, 5, 4, 2], data: values }],
      [floats, t.float32(Float32Array.from(values), [3, 5, 4, 2])],
    ])
    const turned = built.apply(floats, 0)
    const policyLoss = t.reduceSum(t.square(a.policy))
    const grads = t.gradients(policyLoss, built.parameters)
    const flatGrads = t.flattenAll(grads)
    const outputs = {
      pa: a.policy,
      pb: b.policy,
      va: a.value,
      vb: b.value,
      flatGrads,
      pt: t.transpose(turned.policy),
      vt: turned.value,
    }
    const got = await run(built.parameters, outputs, feeds)
    expect(got['pa']).toHaveLength(9)
    expect(got['va']).toHaveLength(3)
    expect(got['pa']).toEqual(got['pb'])
    expect(got['va']).toEqual(got['vb'])
    expectClose(got['pt'] ?? [], got['pb'] ?? [], 1e-6, 'outputs first')
    expectClose(got['vt'] ?? [], got['vb'] ?? [], 1e-6, 'outputs first')
    const { entries } = t.layoutOf(built.parameters)
    const touched = entries
      .filter(({ offset, size }) => got['flatGrads']?.slice(offset, offset + size).some((g) => g !== 0))
      .map(({ name }) => name)
    expect(touched.some((name) => name.startsWith(shared ? 'net.trunk.' : 'net.policy.0.'))).toBe(true)
    expect(touched.some((name) => name.includes('value'))).toBe(false)
  })
})

test.each(['tanh', 'relu', 'elu', 'silu'] as const)(
  'a %s network with LayerNorm gives the same numbers and gradients in both engines',
  async (activation) => {
    const config: TorsoConfig = { kind: 'mlp', hidden: [7, 5], activation, layerNorm: true }
    const built = network({ name: 'n', shape: [4], torso: config, outputs: OUTPUTS, shared: true })
    const x = t.input('x', [6, 4])
    const { policy, value } = built.apply(x)
    const loss = t.add(t.reduceMean(t.square(policy)), t.reduceMean(t.square(value)))
    const flatGrads = t.flattenAll(t.gradients(loss, built.parameters))
    const weights = t.input('weights', [t.layoutOf(built.parameters).size])
    const bound = substitute([policy, flatGrads], t.unflatten(weights, built.parameters))
    const outputs = { policy: bound[0] as t.Tensor, grads: bound[1] as t.Tensor }
    const feeds = new Map([
      [x, t.float32(spread(24, 5), [6, 4])],
      [weights, t.float32(t.initialWeights(built.parameters, t.seededUniform(9)))],
    ])
    const { default: tf } = (await import('@tensorflow/tfjs')) as unknown as { default?: t.Tf }
    const one = await evaluate(outputs, feeds)
    const other = await evaluate(outputs, feeds, t.tfjsEngine(tf))
    for (const name of ['policy', 'grads']) expectClose(one[name] ?? [], other[name] ?? [], 1e-5, name)
  },
)

test.each([true, false])(
  'a convolution whose kernel is a constant of the file gives what it gave in training (relu: %s)',
  async (relu) => {
    const kernel = t.parameter('kernel', [3, 2, 2, 3], t.uniformFanIn())
    const bias = t.parameter('bias', [3], t.uniformFanIn())
    const x = t.input('x', ['N', 6, 5, 2])
    const y = t.conv2dLast(x, kernel, { bias, relu, strides: [2, 1], pads: [1, 0, 0, 1] })
    const parameters = [kernel, bias]
    const image = t.float32(spread(120, 4), [2, 6, 5, 2])
    const trained = (await run(parameters, { y }, new Map([[x, image]])))['y'] ?? []
    const values = t.initialWeights(parameters, t.seededUniform(3))
    const template = t.PolicyTemplate.of({ name: 'p', inputs: [x], outputs: { y } }, t.layoutOf(parameters))
    const session = await InferenceSession.create(template.withWeights(values))
    const out = await session.run({ x: new Tensor('float32', image.data as Float32Array, [2, 6, 5, 2]) })
    await session.release()
    expect(out['y']?.dims).toEqual([2, 3, 5, 3])
    expectClose(out['y']?.data as Float32Array, trained, 1e-6)
    expect(trained.some((v) => v < 0)).toBe(!relu)
  },
)

import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { makeHead, type Head } from '../../../learner/heads/index.ts'
import { defaultTorso, network } from '../../../learner/networks/index.ts'
import { substitute } from '../../../learner/tensor/graph.ts'
import * as t from '../../../learner/tensor/index.ts'
import { makeSampler } from '../../../shared/policy/index.ts'
import { Random } from '../../../shared/random.ts'
import { evaluate, expectClose } from '../tensor/helpers.ts'

const SHAPES = [[3], [5, 5, 2]] as const
const random = new Random(1)

/** Each head with its function's greedy action for given numbers. */
const HEADS = {
  categorical: [
    makeHead('categorical', { actions: 3 }),
    (params: Float32Array) => greedyWhole(makeSampler('categorical', { actions: 3 }, random), params, 1),
  ],
  multiDiscrete: [
    makeHead('multiDiscrete', { choices: [2, 3] }),
    (params: Float32Array) => greedyWhole(makeSampler('multiDiscrete', { choices: [2, 3] }, random), params, 2),
  ],
  gaussian: [
    makeHead('gaussian', { dimensions: 2, logStd: 'shared' }),
    (params: Float32Array) => greedyFloat(makeSampler('gaussian', { dimensions: 2 }, random), params),
  ],
  squashedGaussian: [
    makeHead('squashedGaussian', { dimensions: 2, logStd: 'network' }),
    (params: Float32Array) => greedyFloat(makeSampler('squashedGaussian', { dimensions: 2 }, random), params),
  ],
  deterministic: [
    makeHead('deterministic', { dimensions: 2 }),
    (params: Float32Array) => greedyFloat(makeSampler('deterministic', { dimensions: 2 }, random), params),
  ],
} as const satisfies Record<Head['kind'], readonly [Head, (params: Float32Array) => number[]]>

type Sampler<D> = { greedy(params: Float32Array, drawn: D, logProbs: Float32Array): void }

function greedyWhole(sampler: Sampler<Int32Array>, params: Float32Array, width: number): number[] {
  const drawn = new Int32Array(ROWS * width)
  sampler.greedy(params, drawn, new Float32Array(ROWS))
  return [...drawn]
}

function greedyFloat(sampler: Sampler<Float32Array>, params: Float32Array): number[] {
  const drawn = new Float32Array(ROWS * 2)
  sampler.greedy(params, drawn, new Float32Array(ROWS))
  return [...drawn]
}

const ROWS = 4

test.each(SHAPES.flatMap((shape) => Object.entries(HEADS).map(([kind, pair]) => [kind, shape, ...pair] as const)))(
  'an exported %s policy on %j needs onnxruntime alone, and its greedy action is that of the graph',
  async (_kind, shape, head, act) => {
    const outputs = { policy: { size: head.outputs, gain: 1 } }
    const built = network({ name: 'n', shape, torso: { ...defaultTorso(shape), hidden: [8] }, outputs, shared: true })
    const parameters = [...built.parameters, ...head.parameters]
    const observations = t.input('observations', ['N', ...shape])
    const params = head.params(built.apply(observations).policy)
    const weights = t.initialWeights(parameters, t.seededUniform(5))
    const template = t.PolicyTemplate.of(
      { name: 'policy', inputs: [observations], outputs: { params } },
      t.layoutOf(parameters),
    )
    const seen = Float32Array.from({ length: shape.reduce((n: number, d) => n * d, ROWS) }, () => random.normal())

    const session = await InferenceSession.create(template.withWeights(weights))
    const feed = new Tensor('float32', seen, [ROWS, ...shape])
    const given = (await session.run({ observations: feed }))['params']?.data as Float32Array
    await session.release()

    const flat = t.input('weights', [weights.length])
    const [mode] = substitute([t.cast(head.mode(params), 'float32')], t.unflatten(flat, parameters)) as [t.Tensor]
    const feeds = new Map([
      [observations, t.float32(seen, [ROWS, ...shape])],
      [flat, t.float32(weights)],
    ])
    const { mode: expected = [] } = await evaluate({ mode }, feeds)
    expect(given.length).toBe(ROWS * head.size)
    expectClose(act(given), expected, 1e-6)
  },
)

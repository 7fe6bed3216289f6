import { describe, expect, test } from 'vitest'
import { makeHead, type Head, type HeadConfigs } from '../../../learner/heads/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { makeSampler, maskActions, type ActionSampler, type SamplerSizes } from '../../../shared/policy/index.ts'
import { Random } from '../../../shared/random.ts'
import { evaluate, expectClose } from '../tensor/helpers.ts'

type Kind = Exclude<keyof HeadConfigs & keyof SamplerSizes, 'deterministic'>

const CASES: { readonly [K in Kind]: HeadConfigs[K] & SamplerSizes[K] } = {
  categorical: { actions: 5 },
  multiDiscrete: { choices: [3, 2, 4] },
  gaussian: { dimensions: 3, logStd: 'network' },
  squashedGaussian: { dimensions: 3, logStd: 'network' },
}

const ROWS = 400

/** A stream that remembers what it gave. */
class Recorded {
  readonly given: number[] = []
  private readonly random = new Random(11)
  uniform(): number {
    return this.keep(this.random.uniform())
  }
  normal(): number {
    return this.keep(this.random.normal())
  }
  private keep(value: number): number {
    this.given.push(value)
    return value
  }
}

describe.each(Object.keys(CASES) as Kind[])('%s', (kind) => {
  test("a function's draws are the graph's from the same noise, and so are their log-probabilities, within 1e-6", async () => {
    const head = makeHead(kind, CASES[kind])
    const width = head.drawn.shape[0] ?? 1
    const random = new Recorded()
    const seeded = t.seededUniform(5)
    const numbers = Float32Array.from({ length: ROWS * head.size }, () => 2 * seeded() - 1)
    const sampler = makeSampler(kind, CASES[kind], random) as ActionSampler<Int32Array | Float32Array>
    const drawn = head.drawn.dtype === 'int32' ? new Int32Array(ROWS * width) : new Float32Array(ROWS * width)
    const logProbs = new Float32Array(ROWS)
    sampler.sample(numbers, drawn, logProbs)
    expect(random.given.length).toBe(ROWS * head.noise.size)

    const graph = graphOf(head)
    const feeds = new Map<t.Tensor, t.HostTensor>([
      [graph.params, t.float32(numbers, [ROWS, head.size])],
      [graph.noise, t.float32(random.given, [ROWS, head.noise.size])],
      [graph.taken, { dtype: head.drawn.dtype, shape: [ROWS, ...head.drawn.shape], data: drawn }],
    ])
    const got = await evaluate(graph.outputs, feeds)
    expectClose(got['drawn'] ?? [], drawn, 1e-6, 'draw')
    // A squashed density is a difference of larger numbers, which float32 rounds.
    const limit = kind === 'squashedGaussian' ? 2e-6 : 1e-6
    expectClose(got['drawnLogProb'] ?? [], logProbs, 2 * limit, 'log-probability from noise')
    expectClose(got['logProb'] ?? [], logProbs, limit, 'log-probability')
    sampler.greedy(numbers, drawn, logProbs)
    expect(got['mode']).toEqual(Array.from(drawn))
  })

  test('numbers that describe no distribution are refused with their row', () => {
    const head = makeHead(kind, CASES[kind])
    const width = head.drawn.shape[0] ?? 1
    const params = new Float32Array(2 * head.size)
    params[head.size] = Number.NaN
    const sampler = makeSampler(kind, CASES[kind], new Random(1)) as ActionSampler<Int32Array | Float32Array>
    const places = head.drawn.dtype === 'int32' ? new Int32Array(2 * width) : new Float32Array(2 * width)
    const refused = expect.objectContaining({ code: 'E_POLICY_MODEL', where: { row: 1 } })
    expect(() => sampler.sample(params, places, new Float32Array(2))).toThrow(refused)
    expect(() => sampler.sample(params, places, new Float32Array(3))).toThrow(/sampler got/)
  })
})

function graphOf(head: Head) {
  const params = t.input('params', ['N', head.size])
  const noise = t.input('noise', ['N', head.noise.size])
  const taken = t.input('taken', ['N', ...head.drawn.shape], head.drawn.dtype)
  const draw = head.sample(params, noise)
  const outputs = {
    drawn: draw.drawn,
    drawnLogProb: draw.logProb,
    logProb: head.logProb(params, taken),
    mode: head.mode(params),
  }
  return { params, noise, taken, outputs }
}

test('a mask rules choices out of every draw, and a row without any is refused', () => {
  const sampler = makeSampler('multiDiscrete', { choices: [3, 2] }, new Random(4))
  const mask = Uint8Array.of(0, 1, 0, 1, 0)
  for (let i = 0; i < 50; i++) {
    const logits = Float32Array.of(9, 0, 9, 0, 9)
    const drawn = new Int32Array(2)
    const logProbs = new Float32Array(1)
    maskActions(logits, mask)
    sampler.sample(logits, drawn, logProbs)
    expect([...drawn, ...logProbs]).toEqual([1, 0, 0])
  }
  const none = new Float32Array(5).fill(-Infinity)
  expect(() => sampler.sample(none, new Int32Array(2), new Float32Array(1))).toThrow(/not a distribution in row 0/)
  expect(() => maskActions(none, new Uint8Array(4))).toThrow(/4 places for 5 logits/)
})

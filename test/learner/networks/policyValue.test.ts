import { expect, test } from 'vitest'
import { type NetworkMaker, policyValueNetwork } from '../../../learner/networks/index.ts'
import { substitute } from '../../../learner/tensor/graph.ts'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, spread } from '../tensor/helpers.ts'

const torso: NetworkMaker = ({ name, shape: [inputs = 1] }) => {
  const layer = t.dense({ name: `${name}.own`, inputs, outputs: 5, activation: 'silu' })
  return { ...layer, width: 5 }
}

const whole: NetworkMaker = ({ shape: [inputs = 1], policyOutputs }) => {
  const policy = t.dense({ name: 'p', inputs, outputs: policyOutputs })
  const value = t.dense({ name: 'v', inputs, outputs: 1 })
  const apply = (x: t.Tensor) => ({ policy: policy.apply(x), value: value.apply(x) })
  return { parameters: [...policy.parameters, ...value.parameters], apply }
}

const names = (settings: Parameters<typeof policyValueNetwork>[0]) =>
  t.layoutOf(policyValueNetwork(settings, { shape: [3], policyOutputs: 2 }).parameters).entries.map(({ name }) => name)

test('a torso of the user’s own is under both outputs, or made once for each', () => {
  expect(names({ network: torso })).toEqual([
    'trunk.own.weight',
    'trunk.own.bias',
    'policy.head.weight',
    'policy.head.bias',
    'value.head.weight',
    'value.head.bias',
  ])
  expect(names({ network: torso, sharedTrunk: false }).slice(0, 4)).toEqual([
    'policy.own.weight',
    'policy.own.bias',
    'value.own.weight',
    'value.own.bias',
  ])
})

test('a whole network of the user’s own gives what it says, with outputs along either axis, of bytes as of numbers', async () => {
  expect(names({ network: whole })).toEqual(['p.weight', 'p.bias', 'v.weight', 'v.bias'])
  const built = policyValueNetwork({ network: whole, scale: 1 / 255 }, { shape: [3], policyOutputs: 2 })
  const bytes = t.input('bytes', ['N', 3], 'uint8')
  const floats = t.input('floats', ['N', 3])
  const [a, b, turned] = [built.apply(bytes), built.apply(floats), built.apply(floats, 0)]
  expect(turned.policy.shape).toEqual([2, 'N'])
  const weights = t.input('weights', [t.layoutOf(built.parameters).size])
  const bound = substitute(
    [a.policy, b.policy, t.transpose(turned.policy), a.value, b.value],
    t.unflatten(weights, built.parameters),
  )
  const outputs = Object.fromEntries(bound.map((x, i) => [`out${i}`, x]))
  const values = Uint8Array.of(0, 100, 255, 7, 8, 9)
  const got = await evaluate(
    outputs,
    new Map<t.Tensor, t.HostTensor>([
      [bytes, { dtype: 'uint8', shape: [2, 3], data: values }],
      [floats, t.float32(Float32Array.from(values), [2, 3])],
      [weights, t.float32(spread(t.layoutOf(built.parameters).size, 2))],
    ]),
  )
  expect(got['out0']).toHaveLength(4)
  for (const other of ['out1', 'out2']) expectClose(got[other] ?? [], got['out0'] ?? [], 1e-6)
  expect(got['out3']).toEqual(got['out4'])
})

test.each<readonly [string, unknown, RegExp]>([
  ['nothing', undefined, /gave no \{ parameters, apply \}/],
  ['a list of layers', [], /gave no \{ parameters, apply \}/],
  [
    'a torso of another width',
    { ...torso({ name: 'n', shape: [3], policyOutputs: 2 }), width: 6 },
    /its apply gives float32 \[N, 5\], expected float32 \[N, 6\]/,
  ],
  [
    'no value',
    { parameters: [], apply: (x: t.Tensor) => ({ policy: t.split(x, [2, 1], 1)[0] }) },
    /its value gives no tensor, expected float32 \[N\] or \[N, 1\]/,
  ],
  [
    'too many logits',
    { parameters: [], apply: (x: t.Tensor) => ({ policy: x, value: x }) },
    /its policy gives float32 \[N, 3\], expected float32 \[N, 2\]/,
  ],
])('a network of the user’s own that gives %s is refused in words', (_, made, message) => {
  const network = (() => made) as unknown as NetworkMaker
  const refused = expect.objectContaining({ code: 'E_GRAPH', message: expect.stringMatching(message) })
  expect(() => policyValueNetwork({ network }, { shape: [3], policyOutputs: 2 })).toThrow(refused)
})

import fc from 'fast-check'
import ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { ProtobufWriter } from '../../../learner/tensor/onnx/protobuf.ts'
import { evaluate, expectClose } from './helpers.ts'

test('protobuf fields are the bytes that the format prescribes', () => {
  const writer = new ProtobufWriter()
  writer.integer(1, 150)
  writer.string(2, 'testing')
  writer.integer(3, -1)
  writer.float(4, 1)
  writer.integer(20, 2 ** 40)
  expect(Buffer.from(writer.finish()).toString('hex')).toBe(
    '089601' + '120774657374696e67' + '18ffffffffffffffffff01' + '250000803f' + 'a001808080808020',
  )
})

test('policies with new weights hold exactly these, whatever their sizes and names do to the alignment', async () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.string({ minLength: 1, maxLength: 7 })), {
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 0, max: 3 }), async (entries, lead) => {
      const parameters = entries.map(([size, name], i) => t.parameter(`${name}${i}`, [size], t.zerosInit))
      const layout = t.layoutOf(parameters)
      const x = t.input('x', ['N'])
      const graph = {
        name: 'p',
        inputs: [x],
        outputs: { y: t.add(t.reduceSum(t.flattenAll(parameters)), x), all: t.flattenAll(parameters) },
      }
      const template = t.PolicyTemplate.of(graph, layout)
      const backing = Float32Array.from({ length: layout.size + lead }, (_, i) => i + 0.5)
      const weights = backing.subarray(lead)
      const bytes = template.withWeights(weights)
      const session = await ort.InferenceSession.create(bytes)
      const out = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1), [1]) })
      await session.release()
      expect((out['all'] as ort.Tensor).data).toEqual(weights.slice())
      expect(bytes.length).toBe(template.byteLength)
    }),
    { numRuns: 20 },
  )
})

test('a policy refuses weights of the wrong number', () => {
  const w = t.parameter('w', [3], t.zerosInit)
  const template = t.PolicyTemplate.of({ name: 'p', inputs: [], outputs: { w: t.mul(w, 2) } }, t.layoutOf([w]))
  expect(() => template.withWeights(new Float32Array(2))).toThrow('wants 3 weights, got 2')
})

test('nodes that are equal are written once', () => {
  const x = t.input('x', [2])
  const twice = t.add(t.exp(x), t.exp(x))
  expect(t.toOnnx({ name: 'g', inputs: [x], outputs: { twice } }).nodeCount).toBe(2)
})

test('adding 0, multiplying by 1 and arithmetic on constants cost no node', () => {
  const x = t.input('x', [2])
  expect(t.mul(t.add(x, 0), 1)).toBe(x)
  expect(t.sub(x, t.mul(t.scalar(0), 3))).toBe(x)
  expect(t.mul(t.input('s', []), t.constant(t.float32([1, 1]))).shape).toEqual([2])
})

test('an input, a constant and one value twice can all be outputs', async () => {
  const x = t.input('x', [2])
  const y = t.exp(x)
  const got = await evaluate({ x2: x, c: t.constant(t.float32([7])), y, again: y }, new Map([[x, t.float32([0, 1])]]))
  expect(got['x2']).toEqual([0, 1])
  expect(got['c']).toEqual([7])
  expectClose(got['y'] ?? [], [1, Math.E], 1e-6)
  expect(got['again']).toEqual(got['y'])
})

test('inputs called like values of our own making do not collide', async () => {
  const a = t.input('n0_0', [1])
  const b = t.input('c0', [1])
  const got = await evaluate(
    { c1: t.add(t.mul(a, 3), t.exp(b)) },
    new Map([
      [a, t.float32([2])],
      [b, t.float32([0])],
    ]),
  )
  expect(got['c1']).toEqual([7])
})

test('a graph that needs an input it does not list, or a parameter without a value, says which', () => {
  const x = t.input('x', [2])
  const w = t.parameter('w', [2], t.zerosInit)
  expect(() => t.toOnnx({ name: 'g', inputs: [], outputs: { y: t.exp(x) } })).toThrow(
    /"x" is not an input of this graph/,
  )
  expect(() => t.toOnnx({ name: 'g', inputs: [x], outputs: { y: t.add(x, w) } })).toThrow(/parameter "w" has no value/)
})

test('results go into the arrays that are given for them', async () => {
  const x = t.input('x', [3])
  for (const engine of [t.onnxRuntimeEngine(), t.tfjsEngine()]) {
    const program = await engine.load({ name: 'g', inputs: [x], outputs: { y: t.mul(x, 2), z: t.neg(x) } })
    const y = t.float32(new Float32Array(3))
    const out = await program.run({ x: t.float32([1, 2, 3]) }, { y })
    expect(out['y']).toBe(y)
    expect([...y.data]).toEqual([2, 4, 6])
    expect([...(out['z']?.data ?? [])]).toEqual([-1, -2, -3])
    await program.dispose()
  }
})

test('an index outside its tensor is an error of the engine that names the graph', async () => {
  const x = t.input('x', [2])
  const i = t.input('i', [1], 'int32')
  const program = await t.onnxRuntimeEngine().load({ name: 'lookup', inputs: [x, i], outputs: { y: t.gather(x, i) } })
  await expect(program.run({ x: t.float32([1, 2]), i: t.int32([5]) })).rejects.toThrow(
    /graph "lookup" failed in onnxruntime/,
  )
  await program.dispose()
})

test('TensorFlow.js that is not installed is asked for by name', async () => {
  const x = t.input('x', [1])
  const graph = { name: 'g', inputs: [x], outputs: { y: t.exp(x) } }
  const load = t.tfjsEngine(undefined, ['@millrace/one', '@millrace/two']).load(graph)
  await expect(load).rejects.toThrow('the tfjs engine needs @millrace/one or @millrace/two; none could be loaded')
})

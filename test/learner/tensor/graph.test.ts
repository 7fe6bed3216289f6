import { describe, expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { isMillraceError } from '../../../shared/errors.ts'
import { evaluate } from './helpers.ts'

const x = t.input('x', [2, 3])
const rows = t.input('rows', ['N', 3])
const ints = t.input('ints', [2], 'int32')
const mask = t.greater(x, 0)

const WRONG: readonly (readonly [string, () => t.Tensor | t.Tensor[], RegExp])[] = [
  [
    'add of shapes that do not broadcast',
    () => t.add(x, t.input('y', [4])),
    /add: cannot broadcast 3 with 4 \(shapes \[2, 3\], \[4\]\)/,
  ],
  ['add of a symbolic and another length', () => t.add(rows, t.input('y', [5, 3])), /cannot broadcast N with 5/],
  ['add of two types', () => t.add(x, ints), /float32 and int32/],
  ['two numbers', () => t.add(1, 2), /at least one tensor/],
  ['exp of integers', () => t.exp(ints), /exp: wants float32, got int32/],
  ['and of numbers', () => t.and(x, x), /and: wants two of bool/],
  ['where without a condition', () => t.where(x, x, x), /where: wants bool/],
  ['clip of an empty range', () => t.clip(x, 1, 0), /clip: wants/],
  [
    'gemm of unequal inner dimensions',
    () => t.gemm(x, x),
    /gemm: inner dimensions 3 and 2 differ \(shapes \[2, 3\], \[2, 3\]\)/,
  ],
  ['gemm of a bias too long', () => t.linear(x, t.input('w', [3, 2]), { bias: t.input('b', [3]) }), /gemm/],
  ['matmul of vectors', () => t.matmul(ints, ints), /matmul: wants matrices/],
  ['reshape to another size', () => t.reshape(x, [4, 2]), /reshape: cannot become \[4, 2\]/],
  ['reshape with nothing left over', () => t.reshape(x, [4, -1]), /cannot find the -1/],
  ['reshape to two unknowns', () => t.reshape(t.input('z', ['N', 'M', 2]), ['N', 2, 'M']), /at most one/],
  ['transpose by no permutation', () => t.transpose(x, [0, 0]), /no permutation/],
  ['expand to a smaller shape', () => t.expand(x, [3]), /expand: does not broadcast/],
  ['concat of unequal rows', () => t.concat([x, t.input('y', [2, 4])]), /concat: types and all axes but 0 must agree/],
  ['concat of nothing', () => t.concat([]), /at least one/],
  ['split into the wrong lengths', () => t.split(x, [1, 2]), /do not add up/],
  ['slice past the end', () => t.slice(x, { start: 1, end: 3 }), /no rows 1 to 3/],
  ['an axis that is not there', () => t.reduceSum(x, { axes: [2] }), /reduceSum: no axis 2/],
  ['a sum of booleans', () => t.reduceSum(mask), /wants float32, got bool/],
  [
    'conv2d of unequal channels',
    () => t.conv2d(t.input('i', [1, 3, 8, 8]), t.input('k', [4, 2, 3, 3])),
    /3 channels, the kernel 2/,
  ],
  [
    'conv2d of a kernel too large',
    () => t.conv2d(t.input('i', [1, 1, 2, 2]), t.input('k', [1, 1, 3, 3])),
    /larger than the input/,
  ],
  [
    'conv2dLast of unequal channels',
    () => t.conv2dLast(t.input('i', [1, 8, 8, 3]), t.input('k', [3, 3, 2, 4])),
    /3 channels, the kernel 2/,
  ],
  [
    'conv2dLast of a kernel too large',
    () => t.conv2dLast(t.input('i', [1, 2, 2, 1]), t.input('k', [3, 3, 1, 1])),
    /larger than the input/,
  ],
  [
    'conv2dLast of a bias too long',
    () => t.conv2dLast(t.input('i', [1, 3, 3, 1]), t.input('k', [3, 3, 1, 1]), { bias: t.input('b', [2]) }),
    /the bias is not \[1\]/,
  ],
  ['argMax of integers', () => t.argMax(ints), /argMax: wants float32/],
  ['gather by floats', () => t.gather(x, t.input('f', [2])), /gather: wants rows and int32/],
  [
    'takeAlongLastAxis of another length',
    () => t.takeAlongLastAxis(x, t.input('i', [3], 'int32')),
    /takeAlongLastAxis/,
  ],
  ['a gradient of a vector', () => t.gradients(t.exp(x), [x]), /gradients: wants a float32 scalar/],
  ['a gradient through sign', () => t.gradients(t.reduceSum(t.sign(x)), [x]), /sign: has no gradient/],
  ['values that do not fill a shape', () => t.constant(t.float32([1, 2, 3], [2, 2])), /3 values do not fill the shape/],
  [
    'two parameters of one name',
    () => [...t.unflatten(x, [t.parameter('w', [1], t.zerosInit), t.parameter('w', [1], t.zerosInit)]).keys()],
    /two parameters are called "w"/,
  ],
]

describe('a graph that cannot work is refused when it is built, with the operator and the shapes', () => {
  test.each(WRONG)('%s', (_, build, message) => {
    expect(build).toThrow(message)
    expect(build).toThrow(expect.toSatisfy((e: unknown) => isMillraceError(e, 'E_GRAPH')))
  })
})

test('symbolic dimensions go through shapes by name', () => {
  expect(t.linear(rows, t.input('w', [3, 5])).shape).toEqual(['N', 5])
  expect(t.concat([rows, x]).shape).toEqual(['N+2', 3])
  expect(t.reshape(rows, [-1, 3, 1]).shape).toEqual(['N', 3, 1])
  expect(t.reduceMean(rows, { axes: [1] }).shape).toEqual(['N'])
  expect(t.flatten(t.input('one', ['N', 1])).shape).toEqual(['N'])
})

test('what the loss does not depend on has a gradient of zeros', async () => {
  const other = t.input('other', [2])
  const [g] = t.gradients(t.reduceSum(x), [other]) as [t.Tensor]
  const got = await evaluate({ g: t.add(g, 0) }, new Map([[other, t.float32([1, 2])]]))
  expect(got['g']).toEqual([0, 0])
})

test('comparisons and casts are those of numbers, in both engines', async () => {
  const a = t.input('a', [3])
  const outputs = {
    outside: t.or(t.greater(a, 1), t.less(a, -1)),
    inside: t.not(t.or(t.greater(a, 1), t.less(a, -1))),
    both: t.and(t.greater(a, -1), t.equal(a, 0)),
    whole: t.cast(a, 'int32'),
    bytes: t.cast(t.greater(a, 0), 'uint8'),
    wide: t.cast(t.cast(a, 'int32'), 'int64'),
    sign: t.sign(a),
    picked: t.oneHot(t.constant(t.int32([2, 0])), 3),
  }
  for (const engine of [t.onnxRuntimeEngine(), t.tfjsEngine()]) {
    const got = await evaluate(outputs, new Map([[a, t.float32([-2.5, 0, 3.5])]]), engine)
    expect(got).toEqual({
      outside: [1, 0, 1],
      inside: [0, 1, 0],
      both: [0, 1, 0],
      whole: [-2, 0, 3],
      bytes: [0, 0, 1],
      wide: [-2, 0, 3],
      sign: [-1, 0, 1],
      picked: [0, 0, 1, 1, 0, 0],
    })
  }
})

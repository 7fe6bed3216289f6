import { expect, test } from 'vitest'
import { checkedSpace, spaceDifference } from '../../../shared/env/checkedSpace.ts'
import { describeSpace, makeVectorEnv, type Env, type Space } from '../../../shared/env/index.ts'

/** Two elements that are not there. */
const HOLES: unknown[] = []
HOLES.length = 2

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'E_ENV_SPACE', message: expect.stringMatching(message) })

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /there is none, expected \{ kind: 'box'/],
  ['null', null, /it is null/],
  ['a string', 'Box', /it is "Box" \(a string\)/],
  [
    'a box as Gymnasium has them',
    { shape: [3], low: -1, high: 1, dtype: 'float32' },
    /got undefined; write \{ kind: 'box'/,
  ],
  ['a kind in capitals', { kind: 'Box', shape: [3], low: -1, high: 1 }, /got "Box" \(a string\), did you mean 'box'\?/],
  ['no bounds', { kind: 'box', shape: [3] }, /low is missing, expected one number or 3/],
  ['one bound', { kind: 'box', shape: [3], low: 0 }, /high is missing/],
  [
    'a bound that is NaN',
    { kind: 'box', shape: [2], low: [0, Number.NaN], high: 1 },
    /element 1 has low NaN and high 1/,
  ],
  ['a string for a bound', { kind: 'box', shape: [2], low: '0', high: 1 }, /low is "0" \(a string\)/],
  [
    'a string in the bounds',
    { kind: 'box', shape: [2], low: [0, '0'], high: 1 },
    /element 1 of low is "0" \(a string\)/,
  ],
  [
    'nested bounds',
    { kind: 'box', shape: [1, 2], low: [[0, 0]], high: 1 },
    /element 0 of low is \[0,0\], .* flat list/,
  ],
  ['holes in the bounds', { kind: 'box', shape: [2], low: HOLES, high: 1 }, /element 0 of low is undefined/],
  ['bounds with no number between', { kind: 'box', shape: [1], low: Infinity, high: Infinity }, /low Infinity/],
  ['a shape of 0', { kind: 'box', shape: [0], low: 0, high: 1 }, /shape is \[0\], expected a list of integers >= 1/],
  ['a number for a shape', { kind: 'box', shape: 3, low: 0, high: 1 }, /shape is 3, .*; write \[3\]/],
  ['a shape of strings', { kind: 'box', shape: ['3'], low: 0, high: 1 }, /shape is \["3"\]/],
  ['a shape with a hole', { kind: 'box', shape: HOLES, low: 0, high: 1 }, /shape is \[/],
  ['a shape past memory', { kind: 'box', shape: [1e6, 1e6], low: 0, high: 1 }, /has 1000000000000 elements/],
  [
    'a dtype that there is none of',
    { kind: 'box', shape: [2], low: 0, high: 255, dtype: 'unit8' },
    /dtype is "unit8" \(a string\), expected 'float32' .* or 'uint8'; did you mean 'uint8'\?/,
  ],
  [
    'bytes below 0',
    { kind: 'box', shape: [2], low: -1, high: 1, dtype: 'uint8' },
    /low is -1, expected whole numbers from 0 to 255 with dtype 'uint8'/,
  ],
  [
    'bytes past 255',
    { kind: 'box', shape: [2], low: 0, high: [1, 256], dtype: 'uint8' },
    /high is 256, expected whole/,
  ],
  ['bytes without bounds', { kind: 'box', shape: [2], low: 0, high: Infinity, dtype: 'uint8' }, /high is Infinity/],
  ['a string for n', { kind: 'discrete', n: '2' }, /n is "2" \(a string\), expected an integer >= 1/],
  ['an n of 2.5', { kind: 'discrete', n: 2.5 }, /n is 2.5/],
  ['a BigInt for n', { kind: 'discrete', n: 2n }, /n is 2n \(a BigInt\)/],
])('%s is refused in a sentence', (_, given, message) => {
  expect(() => checkedSpace(given, 'the observation space of X')).toThrow(refusal(message))
})

test('a space is taken as it is when it is checked: getters are read once, later changes do not reach it', () => {
  let n = 2
  const given = {
    kind: 'discrete',
    get n() {
      return n++
    },
  }
  expect(checkedSpace(given, 'it')).toEqual({ kind: 'discrete', n: 2 })
  const low = [0, 0]
  const space = checkedSpace({ kind: 'box', shape: [2], low, high: Float32Array.of(1, 2) }, 'it')
  low[0] = 9
  expect(space).toEqual({ kind: 'box', shape: [2], low: [0, 0], high: [1, 2] })
})

test('two spaces are the same by every bound, not by their extremes', () => {
  const box = (low: number[]) => checkedSpace({ kind: 'box', shape: [3], low, high: 9 }, 'it')
  expect(spaceDifference(box([0, 1, 2]), box([0, 1, 2]))).toBeUndefined()
  expect(spaceDifference(box([0, 1, 2]), box([0, 2, 1]))).toBe('other bounds at element 1')
  const typed = (dtype: 'float32' | 'uint8'): Space => ({ kind: 'box', shape: [3], low: [0, 1, 2], high: 9, dtype })
  expect(spaceDifference(box([0, 1, 2]), typed('float32'))).toBeUndefined()
  expect(spaceDifference(box([0, 1, 2]), typed('uint8'))).toBe('another dtype')
})

test('bounds an element of an image work', () => {
  const size = 224 * 224 * 3
  class Image implements Env {
    readonly observationSpace = {
      kind: 'box',
      shape: [224, 224, 3],
      low: Array.from({ length: size }, () => 0),
      high: Array.from({ length: size }, () => 255),
    } as const
    readonly actionSpace = { kind: 'discrete', n: 2 } as const
    reset(observation: Float32Array): void {
      observation.fill(255)
    }
    step(action: number | Float32Array, observation: Float32Array) {
      observation[size - 1] = action === 1 ? 256 : 0
      return { reward: 0, terminated: false, truncated: false }
    }
  }
  const env = makeVectorEnv(Image, { numEnvs: 2 })
  expect(describeSpace(env.observationSpace)).toBe('Box([224, 224, 3], 0..255)')
  env.reset(1)
  env.step(Int32Array.of(0, 0))
  expect(() => env.step(Int32Array.of(0, 1))).toThrow(
    /Image gave an observation of 256 at element 150527, outside .*\(env 1/,
  )
})

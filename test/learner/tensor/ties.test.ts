import { expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate } from './helpers.ts'

// As in torch: equal operands share, a clamp passes at its ends, equal maxima share.
test('equal operands, the ends of a clip and equal maxima get the gradients that torch gives them', async () => {
  const a = t.input('a', [3])
  const b = t.input('b', [3])
  const weights = t.constant(t.float32([1, 2, 4]))
  const of = (y: t.Tensor, xs: readonly t.Tensor[]) => t.gradients(t.reduceSum(t.mul(y, weights)), xs)
  const [lowA, lowB] = of(t.minimum(a, b), [a, b]) as [t.Tensor, t.Tensor]
  const [highA, highB] = of(t.maximum(a, b), [a, b]) as [t.Tensor, t.Tensor]
  const [clipped] = of(t.clip(a, 1, 2), [a]) as [t.Tensor]
  const [most] = t.gradients(t.reduceMax(b), [b]) as [t.Tensor]
  const [least] = t.gradients(t.reduceMin(b), [b]) as [t.Tensor]
  const [kink] = of(t.elu(t.sub(a, 1)), [a]) as [t.Tensor]
  const feeds = new Map([
    [a, t.float32([1, 2, 3])],
    [b, t.float32([1, 3, 1])],
  ])
  expect(await evaluate({ lowA, lowB, highA, highB, clipped, most, least, kink }, feeds)).toEqual({
    lowA: [0.5, 2, 0],
    lowB: [0.5, 0, 4],
    highA: [0.5, 0, 4],
    highB: [0.5, 2, 0],
    clipped: [1, 2, 0],
    most: [0, 1, 0],
    least: [0.5, 0, 0.5],
    kink: [1, 2, 4],
  })
})

test('argMax is the first of the largest, in any number of axes', async () => {
  const x = t.input('x', [2, 2, 3])
  const feeds = new Map([[x, t.float32([1, 3, 3, 0, 0, 0, -1, -2, -1, 5, 6, 7], [2, 2, 3])]])
  expect(await evaluate({ best: t.argMax(x) }, feeds)).toEqual({ best: [1, 0, 0, 2] })
})

test('unsigned bytes are cast inside the graph, and softplus neither overflows nor loses its tail', async () => {
  const bytes = t.input('bytes', [2], 'uint8')
  const x = t.input('x', [3])
  const feeds = new Map<t.Tensor, t.HostTensor>([
    [bytes, { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) }],
    [x, t.float32([-100, 0, 100])],
  ])
  const got = await evaluate({ scaled: t.div(t.cast(bytes, 'float32'), 255), soft: t.softplus(x) }, feeds)
  expect(got).toEqual({ scaled: [0, 1], soft: [Math.fround(Math.exp(-100)), Math.fround(Math.LN2), 100] })
})

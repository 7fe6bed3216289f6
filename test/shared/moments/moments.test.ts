import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { normalized } from '../../../learner/networks/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { addRows, mergeMoments, noMoments, varianceOf, type Moments } from '../../../shared/moments/index.ts'
import { evaluate, expectClose } from '../../learner/tensor/helpers.ts'

const { distributions } = JSON.parse(readFileSync(new URL('../../golden/nn.json', import.meta.url), 'utf8')) as {
  distributions: {
    running_mean_std: { batches: number[][][]; mean: number[]; var_population: number[] }
  }
}
const reference = distributions.running_mean_std

function momentsOf(rows: readonly (readonly number[])[]): Moments {
  const moments = noMoments(2)
  addRows(moments, rows.flat())
  return moments
}

test('batches one after another, and merged in any order and grouping, give the reference', () => {
  const order = fc.shuffledSubarray(reference.batches, { minLength: reference.batches.length })
  fc.assert(
    fc.property(order, fc.integer({ min: 0, max: reference.batches.length }), (batches, cut) => {
      const merged = (some: number[][][]) => some.map(momentsOf).reduce(mergeMoments, noMoments(2))
      const all = mergeMoments(merged(batches.slice(0, cut)), merged(batches.slice(cut)))
      expectClose(all.mean, reference.mean, 1e-9)
      expectClose(varianceOf(all), reference.var_population, 1e-9)
    }),
  )
  const oneByOne = momentsOf(reference.batches.flat())
  expectClose(oneByOne.mean, reference.mean, 1e-9)
  expectClose(varianceOf(oneByOne), reference.var_population, 1e-9)
})

test('normalised numbers have mean 0 and variance 1, and are limited', async () => {
  const rows = reference.batches.flat()
  const x = t.input('x', ['N', 2])
  const mean = t.constant(t.float32(reference.mean))
  const variance = t.constant(t.float32(reference.var_population))
  const y = normalized(x, { mean, variance }, { limit: 1e3 })
  const feeds = new Map([[x, t.float32(rows.flat(), [rows.length, 2])]])
  const got = await evaluate({ y, limited: normalized(x, { mean, variance }, { limit: 0.5 }) }, feeds)
  const back = noMoments(2)
  addRows(back, got['y'] ?? [])
  expectClose(back.mean, [0, 0], 1e-5)
  expectClose(varianceOf(back), [1, 1], 1e-5)
  expect(Math.max(...(got['limited'] ?? []).map(Math.abs))).toBe(0.5)
})

test('nothing seen divides by 1, and other columns are refused', () => {
  expect([...varianceOf(noMoments(2))]).toEqual([1, 1])
  expect(() => mergeMoments(noMoments(2), noMoments(3))).toThrow(expect.objectContaining({ code: 'E_BATCH_SHAPE' }))
  expect(() => addRows(noMoments(2), [1, 2, 3])).toThrow(/no whole rows of 2/)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { network, observationStats, valueScale } from '../../../learner/networks/index.ts'
import { type ProgramDescription, ProgramRunner, column, compile } from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'
import { addRows, noMoments, varianceOf } from '../../../shared/moments/moments.ts'

const runnerOf = (given: Omit<ProgramDescription, 'policies'>) =>
  new ProgramRunner(
    t.onnxRuntimeEngine(),
    compile({ policies: {}, ...given }, { name: 'toy', uniform: t.seededUniform(1), seed: 5 }),
  )

const rows = (n: number, values: fc.Arbitrary<number>) =>
  fc.array(fc.array(values, { minLength: n * 2, maxLength: n * 2 }), { minLength: 1, maxLength: 6 })

test('after any batches mean and variance are those of all rows together', async () => {
  const stats = observationStats([2])
  const runner = runnerOf({
    sets: { statistics: stats.parameters },
    graphs: { seen: { assign: stats.seen(column('observations', [8, 2])) } },
    calls: { update: [{ run: 'seen' }] },
  })
  const fresh = runner.save().sets['statistics']!.weights
  expect([...fresh]).toEqual([0, 0, 0, 1, 1])
  await fc.assert(
    fc.asyncProperty(rows(8, fc.double({ min: -100, max: 100, noNaN: true })), async (batches) => {
      const seen = runnerOf({
        sets: { statistics: stats.parameters },
        graphs: { seen: { assign: stats.seen(column('observations', [8, 2])) } },
        calls: { update: [{ run: 'seen' }] },
      })
      const moments = noMoments(2)
      for (const batch of batches) {
        const values = Float32Array.from(batch)
        addRows(moments, values)
        await seen.call('update', { columns: { observations: t.float32(values, [8, 2]) }, rates: {} })
      }
      const [count, ...rest] = seen.save().sets['statistics']!.weights
      expect(count).toBe(8 * batches.length)
      const expected = [...moments.mean, ...varianceOf(moments)]
      rest.forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-3 + 1e-4 * Math.abs(expected[i]!)))
      await seen.close()
    }),
    { numRuns: 20 },
  )
  await runner.close()
})

test('the value layer gives after a change of scale what it gave before, from the second change on; the scale follows the targets', async () => {
  const scale = valueScale()
  const net = network({
    shape: [2],
    torso: { kind: 'mlp', hidden: [4], activation: 'tanh' },
    outputs: { value: { size: 1, gain: 1 } },
    shared: true,
  })
  const observations = column('observations', [3, 2])
  const values = scale.restore(net.apply(observations).value)
  const runner = runnerOf({
    sets: { net: net.parameters, scale: scale.parameters },
    graphs: {
      look: { columns: { values: t.flatten(values) } },
      change: { assign: scale.seen({ mean: column('mean', []), variance: column('variance', []) }, net.layers?.value) },
    },
    calls: { look: [{ run: 'look' }], change: [{ run: 'change' }] },
  })
  const seen = { observations: t.float32([1, 2, -3, 0.5, 0, -1], [3, 2]) }
  const look = async () => {
    const { columns } = await runner.call('look', { columns: seen, rates: {} })
    return [...(columns['values']!.data as Float32Array)]
  }
  const change = async (mean: number, variance: number) =>
    await runner.call('change', {
      columns: { mean: t.float32([mean], []), variance: t.float32([variance], []) },
      rates: {},
    })
  const scaleNow = () => [...runner.save().sets['scale']!.weights]
  const first = await look()
  await change(-200, 400)
  expect(scaleNow()).toEqual([1, -200, 400])
  const second = await look()
  second.forEach((x, i) => expect(x).toBeCloseTo(-200 + 20 * first[i]!, 3))
  await change(100, 4)
  expect(scaleNow()[1]).toBeCloseTo(-50, 4)
  expect(scaleNow()[2]).toBeCloseTo(202 + 300 ** 2 / 4, 0)
  const third = await look()
  third.forEach((x, i) => expect(x).toBeCloseTo(second[i]!, 2))
  await runner.close()
})

test('values that are normalised come back, and differences are only shrunk', async () => {
  const scale = valueScale()
  const x = column('x', [3])
  const runner = runnerOf({
    sets: { scale: scale.parameters },
    graphs: {
      set: { assign: scale.seen({ mean: column('mean', []), variance: column('variance', []) }) },
      look: { columns: { back: scale.restore(scale.normalize(x)), shrunk: scale.shrink(x) } },
    },
    calls: { update: [{ run: 'set' }, { run: 'look' }] },
  })
  const columns = { x: t.float32([1, -2, 30], [3]), mean: t.float32([5], []), variance: t.float32([16], []) }
  const { columns: given } = await runner.call('update', { columns, rates: {} })
  expect([...(given['back']!.data as Float32Array)].map((v) => Math.round(v * 1e4) / 1e4)).toEqual([1, -2, 30])
  expect([...(given['shrunk']!.data as Float32Array)]).toEqual([0.25, -0.5, 7.5])
  await runner.close()
})

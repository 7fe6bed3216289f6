import { expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { isMillraceError } from '../../../shared/errors.ts'

/** Least squares: w x against y. */
function regression(): t.TrainStep {
  const w = t.parameter('w', [2, 1], t.orthogonal())
  const b = t.parameter('b', [1], t.zerosInit)
  const x = t.input('x', ['N', 2])
  const y = t.input('y', ['N', 1])
  const loss = t.reduceMean(t.square(t.sub(t.linear(x, w, { bias: b }), y)))
  return t.buildTrainStep({
    name: 'regression',
    loss,
    parameters: [w, b],
    inputs: [x, y],
    optimizer: { kind: 'adam' },
    metrics: { loss },
  })
}

const feeds = { x: t.float32([1, 2, 3, -1, 0.5, 0], [3, 2]), y: t.float32([1, 2, 3], [3, 1]) }
const step = regression()
const start = () => step.initialState(t.seededUniform(5))

test('updates make the loss small, and the weights read back are those of the layout', async () => {
  const trainer = await t.createTrainer(t.onnxRuntimeEngine(), step, start())
  const first = (await trainer.update(feeds, 0.05))[0] as number
  for (let i = 0; i < 400; i++) await trainer.update(feeds, 0.05)
  const last = (await trainer.update(feeds, 0.05))[0] as number
  expect(step.metricNames).toEqual(['loss', 'gradNorm'])
  expect(first).toBeGreaterThan(1)
  expect(last).toBeLessThan(0.01 * first)
  expect(trainer.step).toBe(402)
  expect(step.layout).toEqual({
    entries: [
      { name: 'w', shape: [2, 1], offset: 0, size: 2 },
      { name: 'b', shape: [1], offset: 2, size: 1 },
    ],
    size: 3,
  })
  await trainer.dispose()
})

test('training that goes on from a saved state gives the same bits as training that never stopped', async () => {
  const whole = await t.createTrainer(t.onnxRuntimeEngine(), step, start())
  const before = await t.createTrainer(t.onnxRuntimeEngine(), step, start())
  for (let i = 0; i < 3; i++) {
    await whole.update(feeds, 0.05)
    await before.update(feeds, 0.05)
  }
  const saved = before.save()
  await before.update(feeds, 0.05) // what is saved is a copy
  const after = await t.createTrainer(t.onnxRuntimeEngine(), step, saved)
  for (let i = 0; i < 3; i++) {
    await whole.update(feeds, 0.05)
    await after.update(feeds, 0.05)
  }
  expect(after.save()).toEqual(whole.save())
  for (const trainer of [whole, before, after]) await trainer.dispose()
})

test('an update that diverges is refused by name and leaves the state as it was', async () => {
  const trainer = await t.createTrainer(t.onnxRuntimeEngine(), step, start())
  await trainer.update(feeds, 0.05)
  const good = trainer.save()
  const bad = { ...feeds, y: t.float32([1, Number.NaN, 3], [3, 1]) }
  await expect(trainer.update(bad, 0.05)).rejects.toSatisfy(
    (e: unknown) => isMillraceError(e, 'E_TRAIN_DIVERGED') && e.where['metric'] === 'loss',
  )
  expect(trainer.save()).toEqual(good)
  await trainer.dispose()
})

test('a feed that is missing or does not fit is named, with what it should be', async () => {
  const trainer = await t.createTrainer(t.onnxRuntimeEngine(), step, start())
  const tries = [
    [{ x: feeds.x }, /"y" of graph "regression" is missing/],
    [{ ...feeds, y: t.float32([1, 2, 3]) }, /"y".*is float32 \[3\], expected float32 \[N, 1\]/],
    [{ ...feeds, x: t.int32([1, 2], [1, 2]) }, /"x".*is int32 \[1, 2\], expected float32 \[N, 2\]/],
    [{ ...feeds, x: { ...feeds.x, shape: [4, 2] } }, /"x".*has 6 elements for \[4, 2\]/],
  ] as const
  for (const [given, message] of tries) {
    await expect(trainer.update(given, 0.05)).rejects.toThrow(message)
    await expect(trainer.update(given, 0.05)).rejects.toSatisfy((e: unknown) => isMillraceError(e, 'E_ENGINE'))
  }
  await trainer.dispose()
})

test('a state of another optimizer or size is refused', async () => {
  const { slots, ...rest } = start()
  await expect(
    t.createTrainer(t.onnxRuntimeEngine(), step, { ...rest, slots: { mean: slots['mean'] as Float32Array } }),
  ).rejects.toThrow('optimizer state "square" wants 3 numbers, got 0')
})

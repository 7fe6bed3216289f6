import { expect, test } from 'vitest'
import {
  type GraphDescription,
  type ProgramDescription,
  type ProgramState,
  ProgramRunner,
  type Rule,
  column,
  compile,
  noise,
  rate,
  scalarState,
} from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'

const weight = t.parameter('weight', [2], t.constantInit(1))
const copied = t.parameter('weight', [2], t.zerosInit)
/** Rows of a column are [rows, 2]; the loss is the mean over rows of weight . row. */
const rows = 4
const x = column('x', [rows, 2])
const loss = t.reduceMean(t.reduceSum(t.mul(x, weight), { axes: [1] }))
const DESCENT: GraphDescription = {
  minimise: { net: { loss, optimizer: { kind: 'sgd' } } },
  metrics: { loss, first: t.reduceMean(t.split(x, [1, 1], 1)[0]!) },
}
const RATES = { learning_rate: 0.5 }

const description = (rules: readonly Rule[], more: Partial<ProgramDescription> = {}): ProgramDescription => ({
  sets: { net: [weight], target: { parameters: [copied], copyOf: 'net' } },
  graphs: { descent: DESCENT },
  calls: { update: rules },
  policies: {},
  ...more,
})

const runnerOf = (given: ProgramDescription, state?: ProgramState): ProgramRunner =>
  new ProgramRunner(t.onnxRuntimeEngine(), compile(given, { name: 'toy', uniform: t.seededUniform(1), seed: 5 }), state)

const batch = (values: number[]) => ({ x: t.float32(values, [values.length / 2, 2]) })
const ROWS = [1, 10, 2, 20, 3, 30, 4, 40]
const weightsOf = (runner: ProgramRunner, set: string) => [...runner.save().sets[set]!.weights]

test('one step: the weights go down the gradient, metrics are of before it, and the step is counted', async () => {
  const runner = runnerOf(description([{ run: 'descent' }]))
  const { metrics } = await runner.call('update', { columns: batch(ROWS), rates: RATES })
  expect(metrics).toMatchObject({ loss: 27.5, first: 2.5 })
  expect(weightsOf(runner, 'net')).toEqual([1 - 0.5 * 2.5, 1 - 0.5 * 25])
  expect(runner.save()).toMatchObject({ sets: { net: { step: 1 } }, calls: { update: 1 } })
  await runner.close()
})

test('a target begins as a copy, stays while its source learns, and is blended at every so many calls', async () => {
  const runner = runnerOf(description([{ run: 'descent' }, { copy: 'net', into: 'target', tau: 0.5, every: 2 }]))
  await runner.call('update', { columns: batch(ROWS), rates: RATES })
  expect(weightsOf(runner, 'target')).toEqual([1, 1])
  await runner.call('update', { columns: batch(ROWS), rates: RATES })
  const [a = 0, b = 0] = weightsOf(runner, 'net')
  expect(weightsOf(runner, 'target')).toEqual([(1 + a) / 2, (1 + b) / 2])
  await runner.close()
})

test('an epoch takes every row once, in an order of its own; the metrics are means over all of it', async () => {
  const runner = runnerOf(description([{ run: 'descent', epochs: 3, rows: 4 }]))
  const values = Array.from({ length: 24 }, (_, i) => i)
  const { metrics } = await runner.call('update', { columns: batch(values), rates: { learning_rate: 0 } })
  // First entries of the rows: 0, 2, … 22.
  expect(metrics['first']).toBeCloseTo(11, 5)
  expect(runner.save().sets['net']?.step).toBe(9)
  await runner.close()
})

test('epochs end where a metric says that it is enough', async () => {
  const rule = { run: 'descent', epochs: 5, rows: 4, until: { metric: 'first', above: 2 } } as const
  const runner = runnerOf(description([rule]))
  await runner.call('update', { columns: batch(ROWS), rates: RATES })
  expect(runner.save().sets['net']?.step).toBe(1)
  await runner.close()
})

test('what a graph gives as a column, later rules see; it comes out of the call', async () => {
  const doubled: GraphDescription = { columns: { x: t.mul(column('raw', [rows, 2]), 2) } }
  const runner = runnerOf(
    description([{ run: 'doubled' }, { run: 'descent' }], { graphs: { descent: DESCENT, doubled } }),
  )
  const columns = { raw: t.float32(ROWS, [4, 2]) }
  const result = await runner.call('update', { columns, rates: RATES })
  expect(result.metrics['first']).toBe(5)
  expect([...result.columns['x']!.data]).toEqual(ROWS.map((value) => 2 * value))
  await runner.close()
})

test('a scalar of the state follows a metric: up over twice the target, down under half of it, else as it is', async () => {
  const weighted = t.mul(loss, scalarState('coef'))
  const graphs = { descent: { ...DESCENT, metrics: { first: DESCENT.metrics!['first']!, weighted } } }
  const after = async (target: number) => {
    const runner = runnerOf(
      description([{ run: 'descent' }, { adapt: 'coef', by: 'first', target }], { graphs, scalars: { coef: 1 } }),
    )
    await runner.call('update', { columns: batch(ROWS), rates: RATES })
    const { scalars } = runner.save()
    await runner.close()
    return scalars['coef']
  }
  expect(await after(1)).toBe(1.5)
  expect(await after(2)).toBe(1)
  expect(await after(6)).toBeCloseTo(1 / 1.5, 9)
})

test('saved at any call and loaded elsewhere, a program goes on bit for bit: weights, order of rows, noise', async () => {
  const drawn = t.mul(t.reduceSum(noise('jitter', [3])), rate('noise'))
  const noisy: GraphDescription = { minimise: { net: { loss: t.mul(loss, drawn), optimizer: { kind: 'adam' } } } }
  const given = description([{ run: 'noisy' }, { run: 'descent', epochs: 2, rows: 4 }], {
    graphs: { descent: { ...DESCENT, minimise: { net: { loss, optimizer: { kind: 'adam' } } } }, noisy },
  })
  const rates = { learning_rate: 0.01, noise: 1 }
  const columns = batch(Array.from({ length: 16 }, (_, i) => Math.sin(i)))
  const step = async (runner: ProgramRunner) => await runner.call('update', { columns, rates })
  const small = { x: t.float32(ROWS, [4, 2]) }
  const one = async (runner: ProgramRunner) => await runner.call('update', { columns: small, rates })
  const runner = runnerOf(given)
  await one(runner)
  const saved = runner.save()
  const resumed = runnerOf(given, structuredClone(saved))
  await one(runner)
  await one(resumed)
  expect(resumed.save()).toEqual(runner.save())
  expect(runner.save().random).not.toEqual(saved.random)
  await expect(step(runner)).rejects.toMatchObject({ code: 'E_ENGINE' }) // eight rows where one step takes four
  await Promise.all([runner.close(), resumed.close()])
})

test('a step that is not finite changes nothing, and the next one goes on from before it', async () => {
  const runner = runnerOf(description([{ run: 'descent' }]))
  await runner.call('update', { columns: batch(ROWS), rates: RATES })
  const before = runner.save()
  await expect(
    runner.call('update', { columns: batch([Number.NaN, 1, 1, 1, 1, 1, 1, 1]), rates: RATES }),
  ).rejects.toMatchObject({
    code: 'E_TRAIN_DIVERGED',
    message: expect.stringMatching(/^toy: loss is NaN/),
    where: { graph: 'descent', call: 'update' },
  })
  expect(runner.save().sets).toEqual(before.sets)
  await runner.close()
})

test('what a call needs and does not get is named', async () => {
  const runner = runnerOf(description([{ run: 'descent', epochs: 1, rows: 4 }]))
  const call = async (columns: Record<string, t.HostTensor>, rates: Record<string, number> = RATES, name = 'update') =>
    await runner.call(name, { columns, rates }).catch((error: Error) => error.message)
  expect(await call({})).toBe("graph 'descent' needs the column x")
  expect(await call(batch(ROWS), {})).toBe("graph 'descent' wants the rate 'learning_rate', which was not given")
  expect(await call(batch(ROWS), RATES, 'other')).toBe("the program has no call 'other'; it has update")
  expect(await call(batch([1, 2, 3, 4, 5, 6]))).toBe('minibatches of 4 rows do not divide columns of 3 rows')
  await runner.close()
})

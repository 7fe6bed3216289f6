import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnNamed, columnOf } from '../../../shared/batch/columns.ts'
import { firstNonFinite } from '../../../shared/batch/finite.ts'
import { decodeBatch, encodeBatch, rolloutColumnSpecs, validateFragment } from '../../../shared/batch/index.ts'
import type { Column, SampleBatch, TypedArray } from '../../../shared/batch/sampleBatch.ts'
import { formOf, sampleFragment, sizedFragments, withColumns } from './arbitrary.ts'

const SIZE = { T: 4, B: 3, D: 2 }
const form = formOf(SIZE)

/** A fragment with episodes of every kind of end: [terminated, truncated, 0 …] in the first row, a truncation in the last step. */
function fragment(): SampleBatch {
  const N = SIZE.T * SIZE.B
  const flags = (...at: number[]) =>
    columnOf(
      Uint8Array.from({ length: N }, (_, i) => Number(at.includes(i))),
      [SIZE.T, SIZE.B],
    )
  return withColumns(sampleFragment(SIZE), {
    actions: columnOf(new Uint8Array(N), [SIZE.T, SIZE.B]),
    terminated: flags(0, 5),
    truncated: flags(1, N - 1),
    final_index: columnOf(Int32Array.of(1, N - 1), [2]),
    final_observations: columnOf(new Float32Array(4), [2, SIZE.D]),
    episode_returns: columnOf(new Float32Array(4), [4]),
    episode_lengths: columnOf(Int32Array.of(1, 2, 3, 4), [4]),
  })
}

/** The same with one element changed. */
function changed(name: string, index: number, value: number): SampleBatch {
  const column = columnNamed(fragment(), name)
  const data: TypedArray = column.data.slice()
  data[index] = value
  return withColumns(fragment(), { [name]: { ...column, data } })
}

test('what a rollout function makes is accepted, before and after its way over the wire', () => {
  fc.assert(
    fc.property(sizedFragments, ({ size, fragment: made }) => {
      validateFragment(made, formOf(size))
      validateFragment(decodeBatch(encodeBatch(made)), formOf(size))
    }),
  )
  validateFragment(fragment(), form)
})

describe('a value that would poison training is refused, its column and first index named', () => {
  test.each<[column: string, index: number, value: number]>([
    ['observations', 5, NaN],
    ['observations', 23, Infinity],
    ['bootstrap_observations', 0, -Infinity],
    ['behaviour_log_probs', 11, NaN],
    ['behaviour_log_probs', 3, 0.01],
    ['rewards', 7, -Infinity],
    ['final_observations', 3, NaN],
    ['episode_returns', 1, Infinity],
    ['episode_lengths', 2, 0],
    ['actions', 4, 2],
    ['actions', 9, 255],
    ['terminated', 2, 2],
    ['truncated', 2, 255],
    ['truncated', 5, 1], // terminated there too
    ['truncated', 6, 1], // not in final_index
    ['final_index', 0, 2],
    ['final_index', 1, 12],
    ['final_index', 1, 1],
    ['final_index', 0, -1],
    ['policy_versions', 0, 1_000_000],
  ])('%s[%i] = %d', (column, index, value) => {
    expect(() => validateFragment(changed(column, index, value), form)).toThrow(
      expect.objectContaining({
        code: 'E_BATCH_VALUE',
        where: expect.objectContaining({ column, index }),
        message: expect.stringContaining(`${column}[${index}] is`),
      }),
    )
  })

  test('the first of several, as the error names it', () => {
    const rewards = Float32Array.from({ length: 12 }, (_, i) => (i >= 3 ? NaN : 0))
    const batch = withColumns(fragment(), { rewards: columnOf(rewards, [4, 3]) })
    expect(() => validateFragment(batch, form)).toThrow('rewards[3] is NaN (shard')
  })

  test('an action below 0, or one that wraps around 32 bits', () => {
    for (const action of [-1, 2, 2 ** 31 - 1, -(2 ** 31)]) {
      const actions = new Int32Array(12)
      actions[8] = action
      const batch = withColumns(fragment(), { actions: columnOf(actions, [4, 3]) })
      expect(() => validateFragment(batch, form)).toThrow(`actions[8] is ${action}, expected 0 to 1`)
    }
  })

  test('a NaN in a column that a stage added', () => {
    const extra = new Float64Array(12)
    extra[10] = NaN
    const batch = withColumns(fragment(), { advantages: columnOf(extra, [4, 3]) })
    const advantages = { name: 'advantages', dtypes: ['F64'], dims: ['T', 'B'], join: 'envs' } as const
    expect(() => validateFragment(batch, { ...form, columns: [...form.columns, advantages] })).toThrow(
      'advantages[10] is NaN',
    )
  })

  test('a policy version that goes back inside a fragment', () => {
    const versions = columnNamed(fragment(), 'policy_versions').data.slice()
    versions[3] = (versions[0] ?? 0) - 1
    const batch = withColumns(fragment(), { policy_versions: columnOf(versions, [4]) })
    expect(() => validateFragment(batch, form)).toThrow(/policy_versions\[3\] is .*at least/)
  })
})

describe('a column that is not as the lease promised is refused, with what was expected', () => {
  test('each missing column', () => {
    for (const name of Object.keys(fragment().columns)) {
      const { [name]: _, ...columns } = fragment().columns
      const refused = expect.objectContaining({
        code: 'E_BATCH_SHAPE',
        message: expect.stringContaining(`no column ${name}`),
      })
      expect(() => validateFragment({ ...fragment(), columns }, form)).toThrow(refused)
    }
  })

  test.each<[string, SampleBatch, string]>([
    [
      'shape',
      withColumns(fragment(), { rewards: columnOf(new Float32Array(12), [3, 4]) }),
      'rewards is F32 [3, 4], expected F32 [4, 3]',
    ],
    [
      'dtype',
      withColumns(fragment(), { rewards: columnOf(new Float64Array(12), [4, 3]) }),
      'rewards is F64 [4, 3], expected F32 [4, 3]',
    ],
    [
      'rank',
      withColumns(fragment(), { policy_versions: columnOf(new Int32Array(4), [4, 1]) }),
      'policy_versions is I32 [4, 1], expected',
    ],
    [
      'actions',
      withColumns(fragment(), { actions: columnOf(new Float32Array(12), [4, 3]) }),
      'expected U8 or I32 [4, 3]',
    ],
    [
      'added column',
      withColumns(fragment(), { extra: columnOf(new Float32Array(2), [2]) }),
      'extra is no column that its lease asks for',
    ],
    [
      'env steps',
      { ...fragment(), provenance: { ...fragment().provenance, envSteps: 13 } },
      '12 steps, its provenance says 13',
    ],
  ])('%s', (_name, batch, message) => {
    expect(() => validateFragment(batch, form)).toThrow(
      expect.objectContaining({ code: 'E_BATCH_SHAPE', message: expect.stringContaining(message) }),
    )
  })
})

test('continuous actions are float32 [T, B, ...A] and may have densities above 1', () => {
  const box = { kind: 'box' as const, shape: [2], low: -1, high: 1 }
  const continuous = { ...form, columns: rolloutColumnSpecs({ observation: { shape: [SIZE.D] }, action: box }) }
  const batch = withColumns(fragment(), {
    actions: columnOf(new Float32Array(24), [4, 3, 2]),
    behaviour_log_probs: columnOf(new Float32Array(12).fill(0.7), [4, 3]),
  })
  validateFragment(batch, continuous)
  expect(() => validateFragment(fragment(), continuous)).toThrow('actions is U8 [4, 3], expected F32 [4, 3, 2]')
})

test('the test on bits finds the same first NaN or infinity as Number.isFinite', () => {
  const arrays = fc.oneof(
    fc.float32Array(),
    fc.float64Array(),
    fc.array(fc.constantFrom(NaN, 0, 3.4e38, 5e-324)).map((a) => Float64Array.from(a)),
  )
  fc.assert(
    fc.property(arrays, (array) => {
      expect(firstNonFinite(array)).toBe(array.findIndex((value) => !Number.isFinite(value)))
    }),
  )
})

test('what a stage made of steps is checked by what it says, and of several messages the first has the steps', () => {
  const { provenance, notes, columns } = fragment()
  const specs = form.columns.filter(({ name }) =>
    ['policy_versions', 'episode_returns', 'episode_lengths'].includes(name),
  )
  const gradient = { name: 'gradient', dtypes: ['F32'], dims: [5], join: 'stack' } as const
  const given = { ...form, rounds: 2, columns: [...specs, gradient] }
  const kept = Object.fromEntries(specs.map(({ name }) => [name, columns[name] as Column]))
  const message = (sequence: number, envSteps: number, data = new Float32Array(5)): SampleBatch => ({
    provenance: { ...provenance, sequence, envSteps },
    notes,
    columns: { ...kept, gradient: columnOf(data, [data.length]) },
  })
  for (const sequence of [4, 5])
    for (const envSteps of [0, SIZE.T * SIZE.B]) {
      const check = () => validateFragment(message(sequence, envSteps), given)
      if ((sequence === 4) === envSteps > 0) expect(check).not.toThrow()
      else expect(check).toThrow(expect.objectContaining({ code: 'E_BATCH_SHAPE' }))
    }
  expect(() => validateFragment(message(4, SIZE.T * SIZE.B, new Float32Array(6)), given)).toThrow(
    'gradient is F32 [6], expected F32 [5]',
  )
  const nan = new Float32Array(5).fill(Number.NaN, 3)
  expect(() => validateFragment(message(4, SIZE.T * SIZE.B, nan), given)).toThrow('gradient[3] is NaN')
  expect(() => validateFragment(fragment(), given)).toThrow('is no column that its lease asks for')
})

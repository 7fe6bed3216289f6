import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ColumnBuffers, columnNamed, columnOf, elementsOf } from '../../../shared/batch/columns.ts'
import { type AllocateColumn, type TrainBatch, concatFragments } from '../../../shared/batch/concat.ts'
import { copyBlocks } from '../../../shared/batch/copyBlocks.ts'
import { rolloutColumnSpecs } from '../../../shared/batch/rolloutColumnSpecs.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { trainInputs } from '../../../shared/batch/trainInputs.ts'
import { fragments, sampleFragment, withColumns } from './arbitrary.ts'

/** Fragments of one T and D, of one action dtype, each with its own B. */
const groups = fc
  .record({
    T: fc.integer({ min: 1, max: 5 }),
    D: fc.integer({ min: 1, max: 3 }),
    Bs: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  })
  .chain(({ T, D, Bs }) => fc.tuple(...Bs.map((B) => fragments({ T, B, D }))))
  .map((parts) =>
    parts.map((part) =>
      withColumns(part, {
        actions: columnOf(Uint8Array.from(columnNamed(part, 'actions').data), columnNamed(part, 'actions').shape),
      }),
    ),
  )

/** Sizes of observations do not matter to joining. */
const SPECS = rolloutColumnSpecs({ observation: { shape: [1] }, action: { kind: 'discrete', n: 2 } })
const joinAll = (parts: readonly SampleBatch[], allocate?: AllocateColumn) => concatFragments(parts, SPECS, allocate)

const data = (batch: Pick<SampleBatch, 'columns'>, name: string) => Array.from(columnNamed(batch, name).data)
const envsOf = (fragment: SampleBatch) => columnNamed(fragment, 'rewards').shape[1] ?? 0

/** Row (t, b) of a [T, B, …] column. */
function row(batch: Pick<SampleBatch, 'columns'>, name: string, at: { t: number; b: number }): number[] {
  const { shape, data: all } = columnNamed(batch, name)
  const width = elementsOf(shape.slice(2))
  const start = (at.t * (shape[1] ?? 0) + at.b) * width
  return Array.from(all.slice(start, start + width))
}

const PER_STEP = ['observations', 'actions', 'behaviour_log_probs', 'rewards', 'terminated', 'truncated']

test('every env of every fragment keeps its steps, in a place that its fragment and number give', () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const joined = joinAll(parts)
      let first = 0
      parts.forEach((part, f) => {
        for (let b = 0; b < envsOf(part); b++) {
          for (let t = 0; t < joined.T; t++) {
            for (const name of PER_STEP)
              expect(row(joined, name, { t, b: first + b })).toEqual(row(part, name, { t, b }))
            expect(row(joined, 'policy_versions', { t, b: f })).toEqual([part.provenance.policyVersion])
          }
        }
        first += envsOf(part)
      })
      expect(joined.B).toBe(first)
      expect(joined.envSteps).toBe(parts.reduce((sum, { provenance }) => sum + provenance.envSteps, 0))
      expect(joined.provenances).toEqual(parts.map(({ provenance }) => provenance))
      for (const name of ['bootstrap_observations', 'episode_returns', 'episode_lengths']) {
        expect(data(joined, name)).toEqual(parts.flatMap((part) => data(part, name)))
      }
    }),
  )
})

test('final observations stay with their step: ascending, each truncated step once, with the row its fragment had', () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const joined = joinAll(parts)
      const index = data(joined, 'final_index')
      expect(index).toEqual(data(joined, 'truncated').flatMap((flag, i) => (flag === 1 ? [i] : [])))
      const expected = parts.flatMap((part, f) => {
        const [B, first] = [envsOf(part), parts.slice(0, f).reduce((sum, other) => sum + envsOf(other), 0)]
        const { data: rows, shape } = columnNamed(part, 'final_observations')
        const width = shape[1] ?? 0
        return data(part, 'final_index').map((at, k) => {
          const own = Array.from(rows.slice(k * width, (k + 1) * width))
          return { at: Math.floor(at / B) * joined.B + first + (at % B), own }
        })
      })
      expected.sort((a, b) => a.at - b.at)
      expect(data(joined, 'final_observations')).toEqual(expected.flatMap(({ own }) => own))
    }),
  )
})

test('reused buffers give what new ones give, whatever they held before', () => {
  const pool = new ColumnBuffers()
  fc.assert(
    fc.property(groups, (parts) => {
      expect(joinAll(parts, (name, dtype, length) => pool.take(name, dtype, length))).toEqual(joinAll(parts))
    }),
  )
})

test('with a place to put it a batch shares no memory with its fragments, and the next one takes the same memory', () => {
  const pool = new ColumnBuffers((bytes) => new SharedArrayBuffer(bytes))
  const join = (part: SampleBatch) => joinAll([part], (name, dtype, length) => pool.take(name, dtype, length))
  const first = columnNamed(join(sampleFragment()), 'observations').data.buffer
  expect(first).toBeInstanceOf(SharedArrayBuffer)
  expect(columnNamed(join(sampleFragment()), 'observations').data.buffer).toBe(first)
})

test('a single fragment with no place to put it is not copied', () => {
  const fragment = sampleFragment()
  expect(columnNamed(joinAll([fragment]), 'observations').data).toBe(columnNamed(fragment, 'observations').data)
})

describe('fragments that do not fit together are refused, the odd one named', () => {
  const base = sampleFragment({ T: 4, B: 3, D: 2 })
  test.each<[string, SampleBatch, RegExp]>([
    [
      'another T',
      sampleFragment({ T: 5, B: 3, D: 2 }),
      /column policy_versions has T 5, the first fragment 4 \(shard \d+, lease lease-\d+\)/,
    ],
    [
      'another D',
      sampleFragment({ T: 4, B: 3, D: 1 }),
      /column (final_)?observations is F32 \[.*\], expected F32 \[.*, 2\]/,
    ],
    [
      'another dtype',
      withColumns(base, { rewards: columnOf(new Float64Array(12), [4, 3]) }),
      /column rewards is F64 \[4, 3\], expected F32/,
    ],
    [
      'an index past the end',
      withColumns(base, {
        final_index: columnOf(Int32Array.of(99), [1]),
        final_observations: columnOf(new Float32Array(2), [1, 2]),
      }),
      /final_index points at/,
    ],
  ])('%s', (_name, odd, message) => {
    const refusal = expect.objectContaining({ code: 'E_BATCH_SHAPE', message: expect.stringMatching(message) })
    expect(() => joinAll([base, odd])).toThrow(refusal)
  })

  test('one column less, and no fragments at all', () => {
    const { rewards: _, ...columns } = base.columns
    expect(() => joinAll([base, { ...base, columns }])).toThrow('the batch has no column rewards')
    expect(() => joinAll([])).toThrow('no fragments to join')
  })
})

/** The value of each step's true next state by the definition, each value being the number of its row. */
function nextBySearch(batch: TrainBatch, at: { t: number; b: number }): number {
  const { T, B } = batch
  const step = at.t * B + at.b
  if (data(batch, 'truncated')[step] === 1) return T * B + B + data(batch, 'final_index').indexOf(step)
  return at.t === T - 1 ? T * B + at.b : (at.t + 1) * B + at.b
}

test('a train step’s inputs follow from the batch by their definitions', () => {
  const pool = new ColumnBuffers()
  fc.assert(
    fc.property(groups, (parts) => {
      const batch = joinAll(parts)
      const inputs = trainInputs(batch, (name, dtype, length) => pool.take(name, dtype, length))
      const { T, B } = batch
      const [terminated, truncated] = [data(batch, 'terminated'), data(batch, 'truncated')]
      const next = data(inputs, 'next_index')
      const extraRows = columnNamed(inputs, 'extra_observations').shape[0] ?? 0
      for (let t = 0; t < T; t++) {
        for (let b = 0; b < B; b++) {
          const at = next[t * B + b] ?? -1
          if (terminated[t * B + b] === 1) expect(at).toSatisfy((i: number) => i >= 0 && i < T * B + extraRows)
          else expect(at).toBe(nextBySearch(batch, { t, b }))
        }
      }
      expect(data(inputs, 'terminated')).toEqual(terminated)
      expect(data(inputs, 'episode_end')).toEqual(terminated.map((flag, i) => flag + (truncated[i] ?? 0)))
      expect(data(inputs, 'actions')).toEqual(data(batch, 'actions'))
      expect(data(inputs, 'extra_observations')).toEqual([
        ...data(batch, 'bootstrap_observations'),
        ...data(batch, 'final_observations'),
      ])
      const kinds = Object.entries(inputs.columns).map(([name, { dtype, shape }]) => [name, dtype, shape.slice(0, 2)])
      const D = columnNamed(batch, 'observations').shape[2]
      expect(Object.fromEntries(kinds.map(([name, ...rest]) => [name, rest]))).toEqual({
        observations: ['F32', [T, B]],
        actions: ['I32', [T, B]],
        behaviour_log_probs: ['F32', [T, B]],
        rewards: ['F32', [T, B]],
        terminated: ['U8', [T, B]],
        episode_end: ['U8', [T, B]],
        next_index: ['I32', [T, B]],
        extra_observations: ['F32', [B + data(batch, 'final_index').length, D]],
      })
    }),
  )
})

test('truncated steps that final_index does not have, or the other way round, are refused', () => {
  const batch = joinAll([sampleFragment({ T: 4, B: 3, D: 2 })])
  const flags = new Uint8Array(12)
  flags[2] = 1
  const lying = (index: Int32Array) => ({
    ...batch,
    columns: { ...batch.columns, truncated: columnOf(flags, [4, 3]), final_index: columnOf(index, [index.length]) },
  })
  expect(() => trainInputs(lying(new Int32Array(0)))).toThrow('1 steps are truncated, final_index has 0')
  expect(() => trainInputs(lying(Int32Array.of(3)))).toThrow('final_index 0 points at step 3, which is not truncated')
})

test('copied blocks land where stride and offset say, for any size and alignment', () => {
  const cases = fc.record({
    blocks: fc.integer({ min: 1, max: 4 }),
    block: fc.oneof(fc.nat(20), fc.integer({ min: 500, max: 600 })),
    gap: fc.nat(8),
    at: fc.nat(8),
    shift: fc.nat(4),
  })
  fc.assert(
    fc.property(cases, ({ blocks, block, gap, at, shift }) => {
      const stride = block + gap
      const source = Uint8Array.from({ length: shift + blocks * block }, (_, i) => (i * 7 + 1) & 0xff).subarray(shift)
      const target = new Uint8Array(at + blocks * stride)
      const expected = target.slice()
      for (let i = 0; i < blocks; i++) expected.set(source.subarray(i * block, (i + 1) * block), at + i * stride)
      copyBlocks(source, target, { blocks, at, stride })
      expect(target).toEqual(expected)
    }),
  )
})

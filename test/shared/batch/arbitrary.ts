import fc from 'fast-check'
import { columnOf, elementsOf } from '../../../shared/batch/columns.ts'
import { type FragmentForm, rolloutColumnSpecs } from '../../../shared/batch/index.ts'
import type { Column, Provenance, SampleBatch } from '../../../shared/batch/sampleBatch.ts'

export const provenances: fc.Arbitrary<Provenance> = fc.record({
  run: fc.string({ minLength: 1, unit: 'binary' }),
  shard: fc.nat(),
  lease: fc.string({ minLength: 1, unit: 'grapheme' }),
  sequence: fc.nat(),
  policyVersion: fc.maxSafeNat(),
  envSteps: fc.maxSafeNat(),
})

const shapes = fc.array(fc.nat({ max: 4 }), { maxLength: 4 })

const columns: fc.Arbitrary<Column> = shapes.chain((shape) => {
  const length = elementsOf(shape)
  const exactly = { minLength: length, maxLength: length }
  return fc
    .oneof(fc.float32Array(exactly), fc.float64Array(exactly), fc.int32Array(exactly), fc.uint8Array(exactly))
    .map((data) => columnOf(data, shape))
})

const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_./-]{0,30}$/)

/** Any batch the format can hold: any columns, any notes, NaN and infinities included. */
export const batches: fc.Arbitrary<SampleBatch> = fc.record({
  provenance: provenances,
  columns: fc.dictionary(names, columns, { maxKeys: 8 }),
  notes: fc.dictionary(fc.string(), fc.string({ unit: 'binary' }), { maxKeys: 4 }),
})

export interface FragmentSize {
  readonly T: number
  readonly B: number
  readonly D: number
}

export const sizes: fc.Arbitrary<FragmentSize> = fc.record({
  T: fc.integer({ min: 1, max: 6 }),
  B: fc.integer({ min: 1, max: 5 }),
  D: fc.integer({ min: 1, max: 3 }),
})

/** What a lease with CartPole's kind of actions promises. */
export const formOf = ({ T, B, D }: FragmentSize, n = 2): FragmentForm => ({
  T,
  B,
  columns: rolloutColumnSpecs({ observation: { shape: [D] }, action: { kind: 'discrete', n } }),
})

const NOTHING = 0
const TERMINATED = 1
const TRUNCATED = 2

/** A fragment as a rollout function makes it: every column there and consistent. */
export const fragments = ({ T, B, D }: FragmentSize): fc.Arbitrary<SampleBatch> => {
  const values = (length: number) =>
    fc.float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true })
  const N = T * B
  const steps = fc.array(fc.constantFrom(NOTHING, NOTHING, TERMINATED, TRUNCATED), { minLength: N, maxLength: N })
  return fc
    .record({ steps, shard: fc.nat(9), sequence: fc.nat(99), policyVersion: fc.nat(99), wide: fc.boolean() })
    .chain(({ steps: ends, shard, sequence, policyVersion, wide }) => {
      const finalIndex = Int32Array.from(ends.flatMap((end, i) => (end === TRUNCATED ? [i] : [])))
      const [K, E] = [finalIndex.length, ends.filter((end) => end !== NOTHING).length]
      const actionsOf = wide ? fc.int32Array : fc.uint8Array
      return fc
        .record({
          observations: values(N * D),
          bootstrap: values(B * D),
          actions: actionsOf({ min: 0, max: 1, minLength: N, maxLength: N }),
          logProbs: fc.float32Array({ max: 0, noNaN: true, noDefaultInfinity: true, minLength: N, maxLength: N }),
          rewards: values(N),
          finals: values(K * D),
          returns: values(E),
          lengths: fc.int32Array({ min: 1, max: 500, minLength: E, maxLength: E }),
        })
        .map((data) => ({
          provenance: { run: 'r', shard, lease: `lease-${shard}`, sequence, policyVersion, envSteps: N },
          notes: { env: 'CartPole-v1' },
          columns: {
            observations: columnOf(data.observations, [T, B, D]),
            bootstrap_observations: columnOf(data.bootstrap, [B, D]),
            actions: columnOf(data.actions, [T, B]),
            behaviour_log_probs: columnOf(data.logProbs, [T, B]),
            rewards: columnOf(data.rewards, [T, B]),
            terminated: columnOf(
              Uint8Array.from(ends, (end) => Number(end === TERMINATED)),
              [T, B],
            ),
            truncated: columnOf(
              Uint8Array.from(ends, (end) => Number(end === TRUNCATED)),
              [T, B],
            ),
            final_index: columnOf(finalIndex, [K]),
            final_observations: columnOf(data.finals, [K, D]),
            policy_versions: columnOf(new Int32Array(T).fill(policyVersion), [T]),
            episode_returns: columnOf(data.returns, [E]),
            episode_lengths: columnOf(data.lengths, [E]),
          },
        }))
    })
}

export const sizedFragments = sizes.chain((size) => fragments(size).map((fragment) => ({ size, fragment })))

/** One fixed fragment, for examples. */
export const sampleFragment = (size: FragmentSize = { T: 4, B: 3, D: 2 }, seed = 7): SampleBatch => {
  const [fragment] = fc.sample(fragments(size), { numRuns: 1, seed })
  if (fragment === undefined) throw new Error('fast-check gave no sample')
  return fragment
}

/** The same batch with some columns replaced. */
export const withColumns = (batch: SampleBatch, replaced: Record<string, Column>): SampleBatch => ({
  ...batch,
  columns: { ...batch.columns, ...replaced },
})

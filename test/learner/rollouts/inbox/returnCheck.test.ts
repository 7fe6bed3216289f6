import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReturnCheck } from '../../../../learner/rollouts/inbox/returnCheck.ts'
import { columnOf } from '../../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../../shared/batch/sampleBatch.ts'
import { Random } from '../../../../shared/random.ts'

const T = 4
const B = 3

interface LeaseSpan {
  readonly lease: string
  readonly fragments: number
  /** Do its envs go on where the last one's ended? */
  readonly goesOn: boolean
}

/** What functions send under these leases: random rewards, and episodes that end when they like. */
function stepped(
  spans: readonly LeaseSpan[],
  seed: number,
  endsOneIn = 6,
): { batches: SampleBatch[]; firsts: number[] } {
  const random = new Random(seed)
  const batches: SampleBatch[] = []
  const firsts: number[] = []
  let [sums, lengths] = [new Float64Array(B), new Int32Array(B)]
  for (const { lease, fragments, goesOn } of spans) {
    firsts.push(batches.length)
    if (!goesOn) [sums, lengths] = [new Float64Array(B), new Int32Array(B)]
    for (let n = 0; n < fragments; n++) {
      const rewards = new Float32Array(T * B)
      const [terminated, truncated] = [new Uint8Array(T * B), new Uint8Array(T * B)]
      const [returns, ended]: [number[], number[]] = [[], []]
      for (let step = 0; step < T * B; step++) {
        const reward = (random.uniform() - 0.4) * 10
        const env = step % B
        rewards[step] = reward
        sums[env] = sums[env]! + reward // a user's env adds up doubles; float32 is what travels
        lengths[env] = lengths[env]! + 1
        if (random.uniform() * endsOneIn >= 1) continue
        const column = random.uniform() < 0.5 ? terminated : truncated
        column[step] = 1
        returns.push(sums[env])
        ended.push(lengths[env])
        sums[env] = lengths[env] = 0
      }
      batches.push({
        provenance: { run: 'r', shard: 0, lease, sequence: batches.length, policyVersion: 0, envSteps: T * B },
        notes: {},
        columns: {
          rewards: columnOf(rewards, [T, B]),
          terminated: columnOf(terminated, [T, B]),
          truncated: columnOf(truncated, [T, B]),
          episode_returns: columnOf(Float32Array.from(returns), [returns.length]),
          episode_lengths: columnOf(Int32Array.from(ended), [ended.length]),
        },
      })
    }
  }
  return { batches, firsts }
}

function checking(spans: readonly LeaseSpan[], firsts: readonly number[]) {
  const check = new ReturnCheck({ shards: 1, numEnvs: B })
  const issue = (at: number) => {
    const { lease, goesOn } = spans[at]!
    check.issued({ shard: 0, lease, firstSequence: firsts[at]!, envState: goesOn ? {} : undefined })
  }
  for (const at of spans.keys()) issue(at)
  return check
}

const spans = fc
  .array(fc.record({ fragments: fc.integer({ min: 1, max: 6 }), goesOn: fc.boolean() }), { minLength: 1, maxLength: 4 })
  .map((all) => all.map((span, n): LeaseSpan => ({ ...span, lease: `0-${n}`, goesOn: n > 0 && span.goesOn })))

const withReturns = (batch: SampleBatch, change: (values: Float32Array) => void): SampleBatch => {
  const data = Float32Array.from(batch.columns['episode_returns']!.data)
  change(data)
  return { ...batch, columns: { ...batch.columns, episode_returns: columnOf(data, [data.length]) } }
}
const refusal = expect.objectContaining({ name: 'MillraceError', code: 'E_BATCH_VALUE' })

test('whatever functions send is taken as it is, over any number of leases that start anew or go on', () => {
  fc.assert(
    fc.property(spans, fc.nat(), (leases, seed) => {
      const { batches, firsts } = stepped(leases, seed)
      const check = checking(leases, firsts)
      for (const batch of batches) expect(check.explained(batch)).toBe(batch)
      expect(check.uncounted).toBe(0)
    }),
  )
})

test('nor is anything refused that comes in another order, or whose neighbours were lost', () => {
  fc.assert(
    fc.property(
      spans,
      fc.nat(),
      fc.array(fc.nat(), { minLength: 24, maxLength: 24 }),
      fc.integer({ min: 0, max: 3 }),
      (leases, seed, keys, lose) => {
        const { batches, firsts } = stepped(leases, seed)
        const check = checking(leases, firsts)
        const order = batches.map((batch, i) => ({ batch, key: keys[i]! })).sort((a, b) => a.key - b.key)
        for (const { batch } of order.slice(lose)) {
          const taken = check.explained(batch)
          expect({ ...taken, columns: 0 }).toEqual({ ...batch, columns: 0 })
          expect(taken.columns['rewards']).toBe(batch.columns['rewards'])
        }
      },
    ),
  )
})

test('in order, no return of a whole episode can be forged by more than rounding, nor a length by a step', () => {
  fc.assert(
    fc.property(spans, fc.nat(), fc.nat(), fc.constantFrom(1e6, 475, 1, 0.01, -1), (leases, seed, pick, by) => {
      const { batches, firsts } = stepped(leases, seed)
      const ended = batches.filter(({ columns }) => columns['episode_returns']!.data.length > 0)
      fc.pre(ended.length > 0)
      const forged = ended[pick % ended.length]!
      for (const column of ['episode_returns', 'episode_lengths']) {
        const check = checking(leases, firsts)
        for (const batch of batches.slice(0, forged.provenance.sequence)) check.explained(batch)
        const { data, dtype, shape } = forged.columns[column]!
        const changed = data.slice()
        const at = pick % changed.length
        changed[at] = data[at]! + (column === 'episode_returns' ? by : 1)
        const bad = { ...forged, columns: { ...forged.columns, [column]: { dtype, shape, data: changed } } }
        expect(() => check.explained(bad)).toThrow(refusal)
        // It left no trace: the good one is taken after it.
        expect(check.explained(forged)).toBe(forged)
      }
    }),
  )
})

test('an episode whose beginning is not known is bounded by the largest reward seen; beyond it, its return is not counted', () => {
  const leases = [{ lease: '0-0', fragments: 8, goesOn: false }]
  const { batches, firsts } = stepped(leases, 3, 20)
  const late = batches.find(
    ({ columns, provenance }) => provenance.sequence > 2 && columns['episode_returns']!.data.length > 0,
  )!
  const check = checking(leases, firsts)
  expect(check.explained(late)).toBe(late)
  const forged = checking(leases, firsts)
  const taken = forged.explained(withReturns(late, (values) => values.fill(1e6)))
  expect(taken.columns['episode_returns']!.data.length).toBeLessThan(late.columns['episode_returns']!.data.length)
  expect([...taken.columns['episode_returns']!.data]).not.toContain(1e6)
  expect(taken.columns['episode_lengths']!.shape).toEqual(taken.columns['episode_returns']!.shape)
  expect(forged.uncounted).toBeGreaterThan(0)
})

test('a fragment costs about as much as a look at its rewards: thousands a second', () => {
  const [wideT, wideB] = [20, 32]
  const rewards = columnOf(new Float32Array(wideT * wideB).fill(1), [wideT, wideB])
  const flags = columnOf(new Uint8Array(wideT * wideB), [wideT, wideB])
  const none = {
    episode_returns: columnOf(new Float32Array(0), [0]),
    episode_lengths: columnOf(new Int32Array(0), [0]),
  }
  const check = new ReturnCheck({ shards: 1, numEnvs: wideB })
  check.issued({ shard: 0, lease: '0-0', firstSequence: 0 })
  const from = performance.now()
  for (let sequence = 0; sequence < 5_000; sequence++)
    check.explained({
      provenance: { run: 'r', shard: 0, lease: '0-0', sequence, policyVersion: 0, envSteps: wideT * wideB },
      notes: {},
      columns: { rewards, terminated: flags, truncated: flags, ...none },
    })
  expect(performance.now() - from).toBeLessThan(2_500)
})

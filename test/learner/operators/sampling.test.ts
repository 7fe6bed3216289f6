import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Operator, Plan } from '../../../learner/flow/index.ts'
import { concatBatches, countSamples, dropStale, inOrder } from '../../../learner/operators/sampling.ts'
import { runState } from '../../../learner/resources.ts'
import { RunState } from '../../../learner/run/state.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { fragmentOf } from '../rollouts/inboxes.ts'

const idOf = ({ provenance }: SampleBatch) => `${provenance.sequence}/${provenance.shard}`
const stepsOf = (fragments: readonly SampleBatch[]) =>
  fragments.reduce((sum, { provenance }) => sum + provenance.envSteps, 0)

/** Everything that comes out of an operator, and the plan it ran in. */
async function through<T, U>(items: Iterable<T> | AsyncIterable<T>, operator: Operator<T, U>, state?: RunState) {
  const plan = new Plan()
  const flow = plan.source<T>('items', items).via(operator)
  const out: U[] = []
  for await (const item of plan.run(flow, { resources: state ? [runState.of(state)] : [] })) out.push(item)
  return { out, plan }
}

/** Every (shard, sequence) once, in any order that keeps nothing. */
const arrivals = fc
  .record({ shards: fc.integer({ min: 1, max: 4 }), each: fc.integer({ min: 1, max: 6 }) })
  .chain(({ shards, each }) => {
    const all = Array.from({ length: shards * each }, (_, i) => ({
      shard: i % shards,
      sequence: Math.floor(i / shards),
    }))
    return fc.record({
      shards: fc.constant(shards),
      order: fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
    })
  })

/** Small and quick to make: what the operators look at is the provenance. */
const cache = new Map<string, SampleBatch>()
function light(shard: number, sequence: number): SampleBatch {
  const id = `${shard}/${sequence}`
  const known = cache.get(id) ?? fragmentOf(shard, sequence)
  cache.set(id, known)
  return known
}

test('inOrder gives (sequence, shard) order for any order of arrival, and never holds what it could give', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, async ({ shards, order }) => {
      let given = 0
      const arrived = new Set<string>()
      const next = () => {
        const ordinals = new Set(order.slice(0, arrived.size).map(({ shard, sequence }) => sequence * shards + shard))
        let due = 0
        while (ordinals.has(due)) due++
        return due
      }
      async function* source() {
        for (const { shard, sequence } of order) {
          // Asked for the next one: everything that is due was given.
          expect(given).toBe(next())
          arrived.add(`${sequence}/${shard}`)
          yield light(shard, sequence)
        }
      }
      const plan = new Plan()
      const out: string[] = []
      for await (const fragment of plan.run(plan.source('fragments', source()).via(inOrder({ shards })))) {
        out.push(idOf(fragment))
        given++
      }
      const sorted = [...order].sort((a, b) => a.sequence - b.sequence || a.shard - b.shard)
      expect(out).toEqual(sorted.map(({ shard, sequence }) => `${sequence}/${shard}`))
    }),
    { numRuns: 80 },
  )
})

test('what inOrder holds is its state: a plan that goes on from a checkpoint gives the rest in order', async () => {
  const plan = (fragments: SampleBatch[]) => {
    const made = new Plan('ordered')
    return { made, flow: made.source('fragments', fragments).via(inOrder({ shards: 2 })) }
  }
  const first = plan([light(0, 0), light(1, 1), light(0, 1)])
  const out: string[] = []
  for await (const fragment of first.made.run(first.flow)) out.push(idOf(fragment))
  expect(out).toEqual(['0/0'])
  const second = plan([light(1, 0)])
  second.made.load(structuredClone(first.made.save()))
  for await (const fragment of second.made.run(second.flow)) out.push(idOf(fragment))
  expect(out).toEqual(['0/0', '0/1', '1/0', '1/1'])
})

test('dropStale lets through what is within the lag; what it drops is counted in fragments and steps, and acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.nat(12),
      fc.array(fc.nat(12), { maxLength: 12 }),
      async (maxPolicyLag, updates, versions) => {
        const acknowledged: SampleBatch[] = []
        const state = new RunState((fragment) => acknowledged.push(fragment))
        for (let i = 0; i < updates; i++) state.trained([])
        const fragments = versions.map((version, sequence) => {
          const fragment = light(0, sequence)
          return { ...fragment, provenance: { ...fragment.provenance, policyVersion: version } }
        })
        const { out } = await through(fragments, dropStale({ maxPolicyLag }), state)
        const stale = fragments.filter(({ provenance }) => updates - provenance.policyVersion > maxPolicyLag)
        expect(out).toEqual(fragments.filter((fragment) => !stale.includes(fragment)))
        expect(acknowledged).toEqual(stale)
        expect(state.stale).toEqual({ fragments: stale.length, envSteps: stepsOf(stale) })
      },
    ),
    { numRuns: 60 },
  )
})

test('the lag is that of the moment a fragment comes by, not of the moment it was asked for', async () => {
  const state = new RunState(() => undefined)
  async function* source() {
    for (let sequence = 0; sequence < 4; sequence++) {
      yield { ...light(0, sequence), provenance: { ...light(0, sequence).provenance, policyVersion: 0 } }
      state.trained([])
    }
  }
  const { out } = await through(source(), dropStale({ maxPolicyLag: 1 }), state)
  expect(out.map(idOf)).toEqual(['0/0', '1/0'])
})

/** The state of concatBatches, wherever a checkpoint keeps it. */
function heldIn(saved: unknown): { readonly held: readonly SampleBatch[]; readonly steps: number } {
  const isState = (value: object): value is ReturnType<typeof heldIn> => 'held' in value && 'steps' in value
  const search = (value: unknown): ReturnType<typeof heldIn>[] => {
    if (typeof value !== 'object' || value === null) return []
    return isState(value) ? [value] : Object.values(value).flatMap(search)
  }
  const [state, ...others] = search(saved)
  if (state === undefined || others.length > 0) throw new Error('expected the state once')
  return state
}

test('every batch reaches minSteps and overshoots by less than one fragment, and no step is lost, made up or moved', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(3), { maxLength: 20 }),
      fc.integer({ min: 1, max: 60 }),
      async (shards, minSteps) => {
        const fragments = shards.map((shard, sequence) => light(shard, sequence))
        const { out, plan } = await through(fragments, concatBatches({ minSteps }))
        for (const batch of out) {
          expect(stepsOf(batch)).toBeGreaterThanOrEqual(minSteps)
          expect(stepsOf(batch.slice(0, -1))).toBeLessThan(minSteps)
        }
        const rest = heldIn(plan.save())
        expect([...out.flat(), ...rest.held]).toEqual(fragments)
        expect(rest.steps).toBe(stepsOf(rest.held))
      },
    ),
    { numRuns: 60 },
  )
})

test('countSamples counts every fragment once and changes none', async () => {
  const acknowledged: SampleBatch[] = []
  const state = new RunState((fragment) => acknowledged.push(fragment))
  const fragments = [light(0, 0), light(1, 0), light(0, 1)]
  const batches = [fragments.slice(0, 2), fragments.slice(2)]
  const { out } = await through(batches, countSamples(), state)
  expect(out).toEqual(batches)
  expect(state.clocks.envSteps).toBe(stepsOf(fragments))
  expect(acknowledged).toEqual([])
})

test.each([
  ['inOrder', 'shards', () => inOrder({ shards: 0 })],
  ['inOrder', 'shards', () => inOrder({ shards: 1.5 })],
  ['dropStale', 'maxPolicyLag', () => dropStale({ maxPolicyLag: -1 })],
  ['concatBatches', 'minSteps', () => concatBatches({ minSteps: Number.NaN })],
])('%s refuses a %s that cannot work when the plan is built', (name, parameter, make) => {
  expect(make).toThrow(
    expect.objectContaining({
      code: 'E_PLAN_PARAMETER',
      message: expect.stringContaining(`${name} wants ${parameter}`),
    }),
  )
})

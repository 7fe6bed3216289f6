import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../shared/errors.ts'
import { operator } from '../flow/index.ts'
import { runState } from '../resources.ts'

/**
 * Counts the env steps and the finished episodes of batches on their way; gives them on unchanged. It stands right before the
 * training, so that clocks and returns depend on what was trained on and not on how fast the functions were.
 */
export const countSamples = operator({
  name: 'countSamples',
  uses: [runState],
  each: (fragments: readonly SampleBatch[], { ctx }) => {
    for (const fragment of fragments) ctx.use(runState).sampled(fragment)
    return fragments
  },
})

/**
 * Puts fragments into the order (sequence, shard): the same whatever function was faster. Holds what came early; how much
 * that can be is bounded by the pacing of the rollouts.
 *
 * @param shards number of shards, an integer > 0; every shard must give every sequence number
 * @param from how many fragments, in that order, are behind a run that goes on; 0 unless told
 */
export const inOrder = operator({
  name: 'inOrder',
  check: ({ shards }: { readonly shards: number; readonly from?: number | undefined }) =>
    atLeast(1, 'inOrder', { shards }),
  state: () => ({ next: 0, early: new Map<number, SampleBatch>() }),
  async *run(source: AsyncIterable<SampleBatch>, { params, state }) {
    state.next = Math.max(state.next, params.from ?? 0)
    for await (const fragment of source) {
      state.early.set(fragment.provenance.sequence * params.shards + fragment.provenance.shard, fragment)
      for (let due = state.early.get(state.next); due; due = state.early.get(state.next)) {
        state.early.delete(state.next++)
        yield due
      }
    }
  },
})

/**
 * Drops fragments whose policy is more than `maxPolicyLag` versions old, and counts them.
 * @param maxPolicyLag versions, an integer >= 0
 */
export const dropStale = operator({
  name: 'dropStale',
  check: ({ maxPolicyLag }: { readonly maxPolicyLag: number }) => atLeast(0, 'dropStale', { maxPolicyLag }),
  uses: [runState],
  async *run(source: AsyncIterable<SampleBatch>, { params, ctx }) {
    const run = ctx.use(runState)
    for await (const fragment of source) {
      if (run.lagOf(fragment) <= params.maxPolicyLag) yield fragment
      else run.dropStale(fragment)
    }
  },
})

/**
 * Gathers fragments until a train batch holds at least `minSteps` env steps. Overshoots by less than one fragment; what is
 * left when the source ends stays in the state, never half a batch.
 *
 * @param minSteps env steps (T x B, summed over fragments), an integer > 0
 */
export const concatBatches = operator({
  name: 'concatBatches',
  check: ({ minSteps }: { readonly minSteps: number }) => atLeast(1, 'concatBatches', { minSteps }),
  state: () => ({ held: [] as SampleBatch[], steps: 0 }),
  async *run(source: AsyncIterable<SampleBatch>, { params, state }) {
    for await (const fragment of source) {
      state.held.push(fragment)
      state.steps += fragment.provenance.envSteps
      if (state.steps < params.minSteps) continue
      const batch = state.held.splice(0)
      state.steps = 0
      yield batch
    }
  },
})

function atLeast(least: number, operatorName: string, parameter: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(parameter))
    if (!Number.isInteger(value) || value < least)
      throw new MillraceError(
        'E_PLAN_PARAMETER',
        `${operatorName} wants ${name} >= ${least}, an integer, got ${value}`,
        parameter,
      )
}

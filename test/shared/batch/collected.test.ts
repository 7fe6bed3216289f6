import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { columnNamed } from '../../../shared/batch/columns.ts'
import {
  concatFragments,
  openFragment,
  packFragment,
  rolloutForm,
  toMessage,
  trainInputs,
  validateFragment,
} from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { CartPole } from '../../../shared/env/cartPole.ts'
import { makeVectorEnv } from '../../../shared/env/index.ts'
import { PolicySession, policySpecFor } from '../../../shared/policy/index.ts'
import { Collector } from '../../../shared/rollout/collector.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

const model = readFileSync(new URL('../../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url))

test('what a collector steps passes the check after either way to the learner, and becomes a train step’s inputs', async () => {
  const [T, B, LIMIT] = [20, 6, 18]
  const env = makeVectorEnv(
    { id: 'CartPole-short', maxEpisodeSteps: LIMIT, make: (config) => new CartPole(config) },
    { numEnvs: B },
  )
  const policy = policySpecFor(new CartPole().observationSpace, new CartPole().actionSpace)
  const session = await PolicySession.load(model, policy, B)
  const collector = new Collector({ env, fragmentLength: T, seed: 5 })
  collector.usePolicy(session, 3)
  const form = rolloutForm({ fragmentLength: T, numEnvs: B, policy })
  const store = memoryStore()
  const fragments: SampleBatch[] = []
  for (let sequence = 0; sequence < 4; sequence++) {
    const collected = await collector.collect()
    const batch = collected.toBatch({ run: 'r', shard: 0, lease: 'l', sequence })
    const packed = packFragment(batch, { compress: true, spillAboveBytes: sequence % 2 === 0 ? 0 : 1 << 20 })
    collected.release()
    const fragment = await openFragment((await toMessage(packed, store)).message, store)
    validateFragment(fragment, form)
    fragments.push(fragment)
  }
  await session.release()
  const { columns } = trainInputs(concatFragments(fragments, form.columns))
  const extraRows = columns['extra_observations']?.shape[0] ?? 0
  const truncations = fragments.reduce((sum, fragment) => sum + columnNamed(fragment, 'final_index').data.length, 0)
  expect(truncations).toBeGreaterThan(0)
  expect(extraRows).toBe(4 * B + truncations)
  expect(columns['observations']?.shape).toEqual([T, 4 * B, 4])
  expect(Math.max(...(columns['next_index']?.data ?? []))).toBe(T * 4 * B + extraRows - 1)
})

// Episodes with steps fifty times slower than the rest make fragments that take longer than a heartbeat, or than a lease has left.
import { expect, test } from 'vitest'
import { systemClock } from '../../../shared/cloud/clock.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { CartPole, type EnvDefinition } from '../../../shared/env/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { RUN, leaseOf, publish, work } from './leases.ts'

const HEARTBEAT_MS = 15_000
const STEPS = 5

/** A clock that moves only while envs step: fragment n takes `fragmentMs(n)`. Nothing else runs meanwhile, as in a step that computes. */
function slowWorld(fragmentMs: (fragment: number) => number, diesAtMs = Number.POSITIVE_INFINITY) {
  let [now, steps] = [1_700_000_000_000, 0]
  const from = now
  const clock = { ...systemClock, now: () => now, monotonic: () => now }
  const source: EnvDefinition = {
    id: 'CartPole-slow',
    make: () => {
      const env = new CartPole()
      return {
        observationSpace: env.observationSpace,
        actionSpace: env.actionSpace,
        reset: (observation, random) => env.reset(observation, random),
        step(action, observation) {
          now += fragmentMs(Math.floor(steps++ / STEPS)) / STEPS
          return env.step(action, observation)
        },
      }
    },
  }
  const inner = memoryStore()
  let beat = Number.NEGATIVE_INFINITY
  // A learner that writes its heartbeat every two seconds, until it dies.
  const store: ObjectStore = {
    ...inner,
    async get(key, options) {
      if (key === keys.manifest(RUN) && now - beat >= 2_000 && now - from < diesAtMs) {
        beat = now
        await publish(inner, {}, { heartbeatUntil: now + HEARTBEAT_MS, heartbeatMs: HEARTBEAT_MS })
      }
      return await inner.get(key, options)
    },
  }
  const lease = leaseOf({ numEnvs: 1, fragmentLength: STEPS, maxFragments: 8, deadline: from + 120_000 })
  const run = (changes: Parameters<typeof leaseOf>[0] = {}) =>
    work({ ...lease, ...changes }, { store, queue: memoryQueue(), clock, source })
  return { run, elapsed: () => now - from }
}

test('a fragment that takes longer than the heartbeat ends no lease: the learner is looked for first', async () => {
  const slow = slowWorld((n) => (n % 4 === 2 ? 2 * HEARTBEAT_MS : 100))
  expect(await slow.run()).toMatchObject({ end: 'fragments', fragments: 8 })
})

test('a learner that died during a slow fragment is found out right after it', async () => {
  const slow = slowWorld((n) => (n === 2 ? 2 * HEARTBEAT_MS : 100), 1_000)
  expect(await slow.run()).toMatchObject({ end: 'heartbeat', fragments: 3 })
})

test('a function begins no fragment that would end when its lease counts as lost, and makes at least one', async () => {
  const slow = slowWorld((n) => (n === 0 ? 1_000 : 50_000))
  expect(await slow.run()).toMatchObject({ end: 'deadline', fragments: 3 })
  expect(slow.elapsed()).toBe(101_000)
  const slower = slowWorld(() => 150_000)
  expect(await slower.run()).toMatchObject({ end: 'deadline', fragments: 1 })
})

test('fragments of a few seconds fill a lease up to its end', async () => {
  const slow = slowWorld(() => 3_000)
  expect(await slow.run({ maxFragments: 1_000 })).toMatchObject({ end: 'deadline', fragments: 40 })
})

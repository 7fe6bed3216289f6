import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LeaseReport } from '../../../../shared/protocol/lease.ts'
import { keys } from '../../../../shared/protocol/keys.ts'
import { RUN } from '../../../shared/rollout/leases.ts'
import { LATE_MS, LEASE_MS, keeperOf } from '../keepers.ts'
import { reportOf } from '../inboxes.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const sha256 = '0'.repeat(64)
type Keeping = ReturnType<typeof keeperOf>

/** The newest lease of shard 0 ends and leaves a state. */
async function endsWithState(k: Keeping, report: Partial<LeaseReport> = {}) {
  const lease = k.leases().findLast((one) => one.shard === 0)?.lease ?? ''
  const envState = { key: keys.envState(RUN, 0, lease), sha256 }
  await k.store.put(envState.key, new Uint8Array(1))
  await k.ends(0, { fragments: 2, envState, ...report })
  await k.settled()
  return { lease, envState }
}
const stored = (k: Keeping) => [...k.store.objects.keys()]

test('what a lease left goes to the shard’s next one, and to no other shard; what was gone on from is deleted', async () => {
  const k = keeperOf()
  await k.open(2)
  const first = await endsWithState(k)
  expect(k.leases().at(-1)).toMatchObject({ shard: 0, firstSequence: 2, envState: first.envState })
  expect(stored(k)).toEqual([first.envState.key])
  const second = await endsWithState(k)
  expect(k.leases().at(-1)).toMatchObject({ shard: 0, firstSequence: 4, envState: second.envState })
  expect(stored(k)).toEqual([second.envState.key])
  await k.ends(1, { fragments: 1 })
  expect(k.leases().at(-1)?.envState).toBeUndefined()
  expect(k.events).toEqual([])
})

test('a lease that made nothing hands on what it was given', async () => {
  const k = keeperOf()
  await k.open(1)
  const { envState } = await endsWithState(k)
  await k.ends(0, { fragments: 0, envState })
  expect(k.leases().at(-1)).toMatchObject({ firstSequence: 2, envState })
  expect(stored(k)).toEqual([envState.key])
})

test.each<[string, (k: Keeping) => Promise<unknown>]>([
  ['failed', (k) => k.ends(0, { end: 'error', fragments: 0, error: { code: 'E_ENV_STEP', message: 'no' } })],
  ['was lost', () => vi.advanceTimersByTimeAsync(LEASE_MS + LATE_MS)],
  [
    'crashed',
    async (k) => {
      const { shard, lease } = k.leases().at(-1)!
      k.keeper.cameToNothing({ shard, lease, started: true, reason: 'out of memory' })
      await k.settled()
    },
  ],
])('after a lease that %s the shard starts anew, and its state is deleted', async (_, end) => {
  const k = keeperOf()
  await k.open(1)
  await endsWithState(k)
  await end(k)
  expect(k.leases()).toHaveLength(3)
  expect(k.leases().at(-1)?.envState).toBeUndefined()
  expect(stored(k)).toEqual([])
})

test('a lease that never started is made up for from the same state', async () => {
  const k = keeperOf({ goOnAt: (_, sentUpTo) => sentUpTo })
  await k.open(1)
  const { envState } = await endsWithState(k)
  const { shard, lease } = k.leases().at(-1)!
  k.keeper.cameToNothing({ shard, lease, started: false, reason: 'no environment' })
  await vi.advanceTimersByTimeAsync(10_000)
  expect(k.leases().at(-1)).toMatchObject({ firstSequence: 2, envState })
  expect(stored(k)).toEqual([envState.key])
})

test('a goodbye that comes again deletes nothing that is in use; one of a lease nobody waits for takes its state with it', async () => {
  const k = keeperOf()
  await k.open(1)
  const { lease, envState } = await endsWithState(k)
  k.keeper.ended(reportOf({ shard: 0, lease, fragments: 2, envState }))
  await k.settled()
  expect(stored(k)).toEqual([envState.key])
  const other = { key: keys.envState(RUN, 0, 'doubtful'), sha256 }
  await k.store.put(other.key, new Uint8Array(1))
  k.keeper.ended(reportOf({ shard: 0, lease: 'doubtful', envState: other }))
  await k.settled()
  expect(stored(k)).toEqual([envState.key])
  expect(k.leases()).toHaveLength(2)
})

test('a state under a key that is not the lease’s own is neither handed on nor deleted', async () => {
  const k = keeperOf()
  await k.open(1)
  const key = keys.manifest(RUN)
  await k.store.put(key, new Uint8Array(1))
  await k.ends(0, { fragments: 1, envState: { key, sha256 } })
  await k.ends(0, { fragments: 1 })
  k.keeper.ended(reportOf({ shard: 0, lease: 'doubtful', envState: { key, sha256 } }))
  await k.settled()
  expect(k.leases().map(({ envState }) => envState)).toEqual([undefined, undefined, undefined])
  expect(stored(k)).toEqual([key])
})

test('episodes that were cut are summed and told once, with what to do; not those that the run’s end cut', async () => {
  const k = keeperOf()
  await k.open(2)
  await k.ends(0, { fragments: 1, episodesCut: 0 })
  expect(k.events).toEqual([])
  await k.ends(0, { fragments: 1, episodesCut: 3 })
  await k.ends(1, { fragments: 1, episodesCut: 4 })
  expect(k.handover.episodesCut).toBe(7)
  expect(k.events).toEqual([
    expect.stringMatching(
      /^env env has no save and load: 3 episodes were cut .* lasts 60 s; give the env save and load, or set rollouts\.leaseSeconds/,
    ),
  ])
  k.abort.abort()
  await k.ends(1, { fragments: 1, episodesCut: 4 })
  await k.ends(0, { fragments: 1, end: 'stopped', episodesCut: 3 })
  expect(k.handover.episodesCut).toBe(7)
})

test('why envs could not be saved is told once, and not that they have no save', async () => {
  const k = keeperOf()
  await k.open(1)
  const envStateProblem = 'the envs could not be saved for the next lease: [0] is a Map'
  for (let n = 0; n < 3; n++) await k.ends(0, { fragments: 1, episodesCut: 4, envStateProblem })
  expect(k.events).toEqual([`shard 0, lease 0-0: ${envStateProblem}`])
  expect(k.handover.episodesCut).toBe(12)
})

test('the run’s end deletes what is left, and a store that fails it ends no run', async () => {
  const k = keeperOf()
  await k.open(1)
  await endsWithState(k)
  k.store.failNext('delete')
  await endsWithState(k)
  await k.handover.close()
  expect(stored(k)).toEqual([keys.envState(RUN, 0, '0-0')])
})

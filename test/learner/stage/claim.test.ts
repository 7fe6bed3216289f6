import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StageClaim, claimStage } from '../../../learner/stage/claim.ts'
import { LearnerClaim } from '../../../learner/stage/records.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { type MemoryStore, memoryStore } from '../../fakes/memoryStore.ts'
import { type VirtualClock, virtualClock } from '../../fakes/virtualClock.ts'

const HEARTBEAT_MS = 9_000

async function taken(learner: string, { store, clock }: { store: ObjectStore; clock: VirtualClock }) {
  return await claimStage({ store, clock, learner, host: `host of ${learner}`, heartbeatMs: HEARTBEAT_MS })
}

const record = (store: MemoryStore): LearnerClaim =>
  LearnerClaim.parse(JSON.parse(new TextDecoder().decode(store.objects.get(keys.claim)?.body)))

const claimOf = (claim: StageClaim | LearnerClaim): StageClaim => {
  if (claim instanceof StageClaim) return claim
  throw new Error(`the stage is ${claim.learner}'s`)
}

test('one learner has the stage while it lives; the next one takes it when it was given back, or when its word has run out', async () => {
  const world = { store: memoryStore(), clock: virtualClock() }
  const { clock, store } = world
  const end = new AbortController()
  const first = claimOf(await taken('a', world))
  const keeping = first.keep(end.signal)
  await clock.advance(100_000)
  expect(first.held).toBe(true)
  expect(await taken('b', world)).toMatchObject({ learner: 'a', host: 'host of a' })
  first.working('run-1')
  await clock.advance(HEARTBEAT_MS)
  expect(record(store)).toMatchObject({ learner: 'a', run: 'run-1' })
  end.abort()
  await keeping
  await first.release()
  expect(first.held).toBe(false)
  await clock.advance(1)
  const second = claimOf(await taken('b', world))
  // It dies without a word.
  await clock.advance(HEARTBEAT_MS)
  expect(second.held).toBe(false)
  expect(await taken('c', world)).toMatchObject({ learner: 'b' })
  await clock.advance(1)
  expect(claimOf(await taken('c', world)).held).toBe(true)
  expect(clock.sleeping).toBe(0)
})

test('a claim that another learner took is lost at the next renewal, and one that cannot be renewed with its last word', async () => {
  const world = { store: memoryStore(), clock: virtualClock() }
  const { clock, store } = world
  const robbed = claimOf(await taken('a', world))
  const keeping = robbed.keep(new AbortController().signal)
  await store.put(keys.claim, new TextEncoder().encode(JSON.stringify({ ...record(store), learner: 'b' })))
  await clock.advance(HEARTBEAT_MS / 3)
  expect([robbed.lost.aborted, robbed.held]).toEqual([true, false])
  await keeping
  await store.delete([keys.claim])
  const cutOff = claimOf(await taken('c', world))
  const trying = cutOff.keep(new AbortController().signal)
  store.failNext('put', 1000)
  await clock.advance(HEARTBEAT_MS - 1)
  expect([cutOff.lost.aborted, cutOff.held]).toEqual([false, true])
  await clock.advance(1)
  expect(cutOff.held).toBe(false)
  await clock.advance(1_000)
  expect(cutOff.lost.aborted).toBe(true)
  await trying
  expect(clock.sleeping).toBe(0)
})

test('a renewal that was stored though its answer was lost is still ours', async () => {
  const world = { store: memoryStore(), clock: virtualClock() }
  let losing = false
  const lossy: ObjectStore = {
    ...world.store,
    async put(key, body, condition) {
      const etag = await world.store.put(key, body, condition)
      if (losing) throw new MillraceError('E_STORE', 'the answer was lost')
      return etag
    },
  }
  const claim = claimOf(await taken('a', { ...world, store: lossy }))
  const end = new AbortController()
  const keeping = claim.keep(end.signal)
  losing = true
  await world.clock.advance(HEARTBEAT_MS / 3)
  losing = false
  await world.clock.advance(HEARTBEAT_MS * 3)
  expect(claim.held).toBe(true)
  end.abort()
  await keeping
})

test('what lies there and is no claim keeps nobody from the stage', async () => {
  const world = { store: memoryStore(), clock: virtualClock() }
  await world.store.put(keys.claim, new TextEncoder().encode('{"format":1,'))
  expect(claimOf(await taken('a', world)).held).toBe(true)
})

/** One learner's life: when it comes, how long it lives, how it goes, and how its store treats it. */
const life = fc.record({
  comesAt: fc.nat(30_000),
  livesMs: fc.nat(40_000),
  goes: fc.constantFrom('released', 'killed'),
  delays: fc.array(fc.nat(12_000), { minLength: 1, maxLength: 6 }),
  failures: fc.array(fc.constantFrom('none', 'none', 'none', 'before', 'after'), { minLength: 1, maxLength: 6 }),
})

test('whatever is late, fails or dies, two learners never hold the stage at once, and it is free again in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 2, maxLength: 4 }), async (lives) => {
      const clock = virtualClock()
      const store = memoryStore()
      const claims: StageClaim[] = []
      const end = new AbortController()
      const all = lives.map(async ({ comesAt, livesMs, goes, delays, failures }, i) => {
        const own = unreliable(store, { clock, delays, failures })
        await clock.sleep(comesAt)
        const dead = new AbortController()
        for (;;) {
          if (end.signal.aborted) return
          const claim = await taken(`learner-${i}`, { store: own, clock }).catch(() => undefined)
          if (!(claim instanceof StageClaim)) {
            await clock.sleep(1_000)
            continue
          }
          claims.push(claim)
          const keeping = claim.keep(dead.signal)
          await clock.sleep(livesMs, claim.lost)
          if (goes === 'released') {
            dead.abort()
            await keeping
            await claim.release()
          } else dead.abort()
          return
        }
      })
      for (let t = 0; t < 150_000; t += 250) {
        await clock.advance(250)
        expect(claims.filter(({ held }) => held).length).toBeLessThanOrEqual(1)
      }
      end.abort()
      await clock.advance(60_000)
      await Promise.all(all)
      expect(claimOf(await taken('last', { store, clock })).held).toBe(true)
    }),
    { numRuns: 25 },
  )
})

/** Requests take their time before and after they are done, and fail before or after. */
function unreliable(
  store: ObjectStore,
  { clock, delays, failures }: { clock: VirtualClock; delays: readonly number[]; failures: readonly string[] },
): ObjectStore {
  let n = 0
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    const [delay, failure] = [delays[n % delays.length] ?? 0, failures[n % failures.length]]
    n++
    await clock.sleep(delay / 2)
    if (failure === 'before') throw new MillraceError('E_STORE', 'as the test asked')
    const result = await work()
    await clock.sleep(delay / 2)
    if (failure === 'after') throw new MillraceError('E_STORE', 'as the test asked')
    return result
  }
  return {
    ...store,
    get: (key, options) => around(() => store.get(key, options)),
    put: (key, body, condition) => around(() => store.put(key, body, condition)),
  }
}

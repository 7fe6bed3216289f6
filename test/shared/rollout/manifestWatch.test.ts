import { expect, test } from 'vitest'
import type { ObjectStore, ReadResult } from '../../../shared/cloud/ports.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { ManifestWatch } from '../../../shared/rollout/manifestWatch.ts'
import { type MemoryStore, memoryStore } from '../../fakes/memoryStore.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { RUN, driven, publish } from './leases.ts'

const never = new AbortController().signal

function watching(store: ObjectStore, pollMs = 100) {
  const clock = virtualClock()
  return { clock, watch: new ManifestWatch(store, clock, { run: RUN, pollMs }) }
}

/** Reads hang until they are aborted. */
function hanging(store: MemoryStore): ObjectStore {
  return {
    ...store,
    get: (_key, options) =>
      new Promise<ReadResult>((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      }),
  }
}

test('an unchanged manifest is asked for with If-None-Match, so that it costs no transfer', async () => {
  const store = memoryStore()
  const { clock, watch } = watching(store)
  await publish(store)
  await watch.appears(clock.now() + 1000, never)
  for (let i = 0; i < 3; i++) {
    await clock.advance(100)
    watch.glance()
  }
  await clock.advance(0)
  expect(store.requests).toMatchObject({ get: 4, notModified: 3 })
  expect(watch.takeRequests()).toBe(4)
  await publish(store, { version: 1 })
  await clock.advance(100)
  watch.glance()
  await clock.advance(0)
  expect(watch.latest.policy.version).toBe(1)
})

test('a glance waits for nothing, comes at most once a poll interval, and never while one is in flight', async () => {
  const store = memoryStore()
  let [open, most] = [0, 0]
  const slow: ObjectStore = {
    ...store,
    get: async (key, options) => {
      most = Math.max(most, ++open)
      await clock.sleep(350)
      open--
      return store.get(key, options)
    },
  }
  const { clock, watch } = watching(slow)
  await publish(store)
  for (let i = 0; i < 40; i++) {
    watch.glance()
    watch.glance()
    await clock.advance(25)
  }
  expect(most).toBe(1)
  expect(watch.takeRequests()).toBe(3)
})

test('before the first manifest there is none to look at, and waiting for it ends when it comes or when its time is up', async () => {
  const store = memoryStore()
  const { clock, watch } = watching(store)
  expect(() => watch.latest).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }))
  expect(await driven(clock, watch.appears(clock.now() + 40, never))).toBe(false)
  const coming = watch.appears(clock.now() + 10_000, never)
  await clock.advance(60)
  await publish(store)
  expect(await driven(clock, coming)).toBe(true)
  expect(watch.latest.policy.version).toBe(0)
  expect(clock.sleeping).toBe(0)
})

test('what is no manifest is E_MANIFEST, what the store fails with is that', async () => {
  const store = memoryStore()
  const { clock, watch } = watching(store)
  await store.put(keys.manifest(RUN), new TextEncoder().encode('{"format":1'))
  await driven(clock, watch.appears(clock.now() + 5, never))
  expect(() => watch.latest).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }))
  store.failNext('get')
  await expect(watch.appears(clock.now() + 5, never)).rejects.toMatchObject({ code: 'E_STORE' })
})

test('waiting for a change looks soon and then more rarely, and leaves no timer behind', async () => {
  const store = memoryStore()
  const { clock, watch } = watching(store, 0)
  await publish(store)
  await watch.appears(clock.now() + 1000, never)
  const waiting = watch.waitFor(({ policy }) => policy.version > 0, clock.now() + 60_000, never)
  await clock.advance(5)
  expect(watch.takeRequests()).toBeGreaterThanOrEqual(4)
  await clock.advance(10_000)
  expect(watch.takeRequests()).toBeLessThan(120)
  await publish(store, { version: 1 })
  expect(await driven(clock, waiting)).toBe(true)
  expect(
    await driven(
      clock,
      watch.waitFor(({ policy }) => policy.version > 1, clock.now() + 50, never),
    ),
  ).toBe(false)
  expect(clock.sleeping).toBe(0)
})

test('a read that hangs holds nobody past what is known: neither a wait, nor the end', async () => {
  const store = memoryStore()
  let hangs = false
  const sometimes: ObjectStore = {
    ...store,
    get: (key, options) => (hangs ? hanging(store) : store).get(key, options),
  }
  const { clock, watch } = watching(sometimes)
  const from = clock.now()
  await publish(store, {}, { heartbeatUntil: from + 400 })
  await watch.appears(from + 1000, never)
  hangs = true
  const over = await driven(
    clock,
    watch.waitFor(({ heartbeatUntil }) => clock.now() > heartbeatUntil, from + 9000, never),
  )
  expect(over).toBe(true)
  expect(clock.now()).toBeLessThan(from + 410)
  await watch.close()
  expect(clock.sleeping).toBe(0)
})

import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { Originals } from '../../../learner/publish/originals.ts'
import { Publisher, type PublisherOptions } from '../../../learner/publish/publisher.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { type Manifest, parseManifest } from '../../../shared/protocol/manifest.ts'
import { badStore } from '../../fakes/badMinutes.ts'
import { type MemoryStore, memoryStore } from '../../fakes/memoryStore.ts'

const RUN = 'run-1'
const HEARTBEAT_MS = 10_000

/** Over and under the size that rides in the manifest. */
const modelOf = (version: number, large: boolean) => new Uint8Array(large ? 70_000 : 100).fill(version + 1)

function publishing(store: ObjectStore, changes: Partial<PublisherOptions> = {}) {
  const puts = { count: 0 }
  const onRequest = (made: number) => void (puts.count += made)
  const publisher = new Publisher(store, systemClock, {
    run: RUN,
    heartbeatMs: HEARTBEAT_MS,
    everyVersion: true,
    consumed: () => [0],
    onRequest,
    ...changes,
  })
  return { publisher, puts }
}

async function manifestIn(store: MemoryStore): Promise<Manifest> {
  const found = await store.get(keys.manifest(RUN))
  if (found.kind !== 'found') throw new Error('no manifest')
  return parseManifest(found.body)
}

const sha256At = (store: MemoryStore, key: string) => sha256Hex(store.objects.get(key)?.body ?? new Uint8Array())

afterEach(() => {
  vi.useRealTimers()
})

test('however the writes of policies and manifests interleave, the newest state is written last and by one writer at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (scheduler, sizes, stops) => {
        const store = memoryStore()
        let [writers, most] = [0, 0]
        const seen: Manifest[] = []
        const slow: ObjectStore = {
          ...store,
          async put(key, body) {
            const isManifest = key === keys.manifest(RUN)
            if (isManifest) {
              most = Math.max(most, ++writers)
              const manifest = parseManifest(body)
              seen.push(manifest)
              // Whoever follows a pointer finds the object it names.
              if (manifest.policy.inline === undefined) expect(store.objects.has(manifest.policy.key)).toBe(true)
            }
            await scheduler.schedule(Promise.resolve(), key)
            const etag = await store.put(key, body)
            if (isManifest) writers--
            return etag
          },
        }
        const { publisher, puts } = publishing(slow)
        const calls = scheduler.scheduleSequence([
          ...sizes.map((large, version) => async () => {
            published.push(publisher.publish(version, modelOf(version, large)))
          }),
          ...(stops ? [async () => void published.push(publisher.stop())] : []),
        ])
        const published: Promise<void>[] = []
        await scheduler.waitFor(calls.task)
        await scheduler.waitFor(Promise.all(published))
        const last = sizes.length - 1
        const manifest = await manifestIn(store)
        expect(most).toBe(1)
        expect(manifest.policy.version).toBe(last)
        expect(manifest.stop).toBe(stops)
        const versions = seen.map(({ policy }) => policy.version)
        expect(versions).toEqual([...versions].sort((a, b) => a - b))
        for (const [version, large] of sizes.entries()) {
          expect(sha256At(store, keys.policy(RUN, version))).toBe(sha256Hex(modelOf(version, large)))
        }
        expect(puts.count).toBe(sizes.length + seen.length)
      },
    ),
    { numRuns: 150 },
  )
})

test('a write asked for in the very moment another one ends is not taken for done', async () => {
  const microtasks = fc.nat(8)
  await fc.assert(
    fc.asyncProperty(fc.array(microtasks, { minLength: 5, maxLength: 5 }), microtasks, async (delays, pause) => {
      const store = memoryStore()
      let put = 0
      const slow: ObjectStore = {
        ...store,
        async put(key, body) {
          for (let left = delays[put++ % delays.length] ?? 0; left > 0; left--) await Promise.resolve()
          return store.put(key, body)
        },
      }
      const { publisher } = publishing(slow)
      const first = publisher.publish(0, modelOf(0, false))
      for (let left = pause; left > 0; left--) await Promise.resolve()
      await Promise.all([first, publisher.publish(1, modelOf(1, true))])
      expect((await manifestIn(store)).policy.version).toBe(1)
    }),
    { numRuns: 300 },
  )
})

test('a publish is over when functions can see it: a small model in the manifest, a large one by its key, both with their hash', async () => {
  for (const large of [false, true]) {
    const store = memoryStore()
    const { publisher } = publishing(store, { consumed: () => [4, 9] })
    const model = modelOf(3, large)
    await publisher.publish(3, model)
    const { policy, consumed, stop } = await manifestIn(store)
    expect(policy).toMatchObject({ version: 3, key: keys.policy(RUN, 3), sha256: sha256Hex(model) })
    expect(policy.inline).toBe(large ? undefined : Buffer.from(model).toString('base64'))
    expect({ consumed, stop }).toEqual({ consumed: [4, 9], stop: false })
    expect(sha256At(store, policy.key)).toBe(policy.sha256)
  }
})

test('the heartbeat goes on while nothing is published, tells what was consumed by then, and ends with stop', async () => {
  vi.useFakeTimers()
  const store = memoryStore()
  let consumed = 0
  const { publisher } = publishing(store, { consumed: () => [consumed] })
  publisher.start()
  await vi.advanceTimersByTimeAsync(5000)
  expect(store.requests.put).toBe(0)
  await publisher.publish(0, modelOf(0, false))
  for (let i = 0; i < 6; i++) {
    await vi.advanceTimersByTimeAsync(5000)
    consumed++
    const { heartbeatUntil } = await manifestIn(store)
    expect(heartbeatUntil - Date.now()).toBeGreaterThan(HEARTBEAT_MS / 2)
  }
  expect((await manifestIn(store)).consumed).toEqual([5])
  await publisher.stop()
  const { stop } = await manifestIn(store)
  const before = store.requests.put
  await vi.advanceTimersByTimeAsync(60_000)
  expect(stop).toBe(true)
  expect(store.requests.put).toBe(before)
  expect(vi.getTimerCount()).toBe(0)
})

test.each([3_600_000, -3_600_000])(
  'a wall clock that is set by %d ms has the heartbeat written at once',
  async (jumpMs) => {
    vi.useFakeTimers()
    const store = memoryStore()
    const { publisher } = publishing(store)
    publisher.start()
    await publisher.publish(0, modelOf(0, false))
    const before = store.requests.put
    vi.setSystemTime(Date.now() + jumpMs)
    await vi.advanceTimersByTimeAsync(500)
    const { heartbeatUntil, heartbeatMs } = await manifestIn(store)
    expect(heartbeatMs).toBe(HEARTBEAT_MS)
    expect(heartbeatUntil).toBe(Date.now() + HEARTBEAT_MS)
    expect(store.requests.put).toBe(before + 1)
    await publisher.stop()
  },
)

test('stop is final: what is published after it still says stop, also when it came before the first policy', async () => {
  const store = memoryStore()
  const { publisher } = publishing(store)
  await publisher.stop()
  expect(store.objects.size).toBe(0)
  await publisher.publish(0, modelOf(0, false))
  expect(await manifestIn(store)).toMatchObject({ stop: true, policy: { version: 0 } })
  await publisher.publish(1, modelOf(1, true))
  expect(await manifestIn(store)).toMatchObject({ stop: true, policy: { version: 1 } })
})

test('a bucket that refuses rejects the publish; a heartbeat that is refused goes to onFatal at once, though nothing is published any more', async () => {
  vi.useFakeTimers()
  const store = memoryStore()
  const fatal: unknown[] = []
  const { publisher } = publishing(store, { onFatal: (error) => fatal.push(error) })
  store.failNext('put')
  await expect(publisher.publish(0, modelOf(0, true))).rejects.toMatchObject({ code: 'E_STORE' })
  publisher.start()
  await publisher.publish(1, modelOf(1, false))
  store.failNext('put')
  await vi.advanceTimersByTimeAsync(4000)
  expect(fatal).toEqual([expect.objectContaining({ code: 'E_STORE' })])
  await publisher.stop()
})

test.each([2_000, 60_000])(
  'an outage of %d ms is told within seconds and ridden out: what is written after it is the newest state, with a fresh heartbeat',
  async (outageMs) => {
    vi.useFakeTimers()
    const store = memoryStore()
    const outages: unknown[] = []
    const fatal: unknown[] = []
    let outUntil = 0
    const failing = badStore(store, (call) => call === 'put' && Date.now() < outUntil)
    const { publisher } = publishing(failing, {
      onOutage: (error) => outages.push(error),
      onFatal: (error) => fatal.push(error),
    })
    publisher.start()
    await publisher.publish(0, modelOf(0, false))
    expect(publisher.speaksSince).toBe(Number.NEGATIVE_INFINITY)
    outUntil = Date.now() + outageMs
    await vi.advanceTimersByTimeAsync(Math.min(outageMs, 2_600) - 1)
    const published = publisher.publish(1, modelOf(1, false))
    if (outageMs > 3_000) {
      expect(outages.length).toBeGreaterThan(0)
      expect(publisher.speaksSince).toBe(Number.POSITIVE_INFINITY)
    }
    await vi.advanceTimersByTimeAsync(outageMs + 5_000)
    await published
    const { policy, heartbeatUntil } = await manifestIn(store)
    expect(policy.version).toBe(1)
    expect(heartbeatUntil).toBeGreaterThan(Date.now() + HEARTBEAT_MS - 3_000)
    expect(publisher.speaksSince).toBeLessThanOrEqual(performance.now())
    expect(fatal).toEqual([])
    await publisher.stop()
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('a heartbeat that cannot be written for three minutes ends the run with the cause; stop does not wait for the bucket for long', async () => {
  vi.useFakeTimers()
  const store = memoryStore()
  const fatal: unknown[] = []
  let out = false
  const failing = badStore(store, () => out)
  const { publisher } = publishing(failing, { onFatal: (error) => fatal.push(error) })
  publisher.start()
  await publisher.publish(0, modelOf(0, false))
  out = true
  await vi.advanceTimersByTimeAsync(175_000)
  expect(fatal).toEqual([])
  await vi.advanceTimersByTimeAsync(15_000)
  expect(fatal[0]).toMatchObject({ code: 'E_STORE', message: expect.stringContaining('bad minute') })
  let stopped = false
  const stopping = publisher.stop().catch(() => (stopped = true))
  await vi.advanceTimersByTimeAsync(16_000)
  expect(stopped).toBe(true)
  await stopping
  expect(vi.getTimerCount()).toBe(0)
})

test('a policy that is still tried when the run ends fails nothing: nobody needs it any more', async () => {
  vi.useFakeTimers()
  const store = memoryStore()
  const { publisher } = publishing(
    badStore(store, (call, keys) => call === 'put' && keys[0]?.startsWith('policies') === true),
  )
  const published = publisher.publish(0, modelOf(0, false))
  await vi.advanceTimersByTimeAsync(3_000)
  await publisher.stop()
  await vi.advanceTimersByTimeAsync(6_000)
  await published
  expect(await manifestIn(store)).toMatchObject({ stop: true, policy: { version: 0 } })
  expect(vi.getTimerCount()).toBe(0)
})

test('old policies that cannot be deleted fail no publish: it is told once, and at the end how many are left', async () => {
  vi.useFakeTimers()
  const store = memoryStore()
  const events: string[] = []
  const { publisher } = publishing(
    badStore(store, (call) => call === 'delete'),
    { onEvent: (text) => events.push(text) },
  )
  for (let version = 0; version < 600; version++) await publisher.publish(version, modelOf(0, false))
  expect(events).toEqual([expect.stringMatching(/^old policies are not deleted: .* the run goes on/)])
  await publisher.stop()
  expect(events[1]).toMatch(/^old policies that were not deleted: \d+$/)
})

test('however long a run is, the bucket holds a bounded number of policies, the newest among them, and the manifest the hash of each', async () => {
  const store = memoryStore()
  const { publisher } = publishing(store)
  const versions = 1_000
  for (let version = 0; version < versions; version++) {
    await publisher.publish(version, modelOf(version % 200, false))
    const held = [...store.objects.keys()].filter((key) => key.startsWith('policies/'))
    expect(held.length).toBeLessThanOrEqual(256)
    for (let newest = Math.max(0, version - 31); newest <= version; newest++)
      expect(held).toContain(keys.policy(RUN, newest))
    if (version % 97 !== 0) continue
    const { earlier = [] } = await manifestIn(store)
    for (const key of held.filter((one) => one !== keys.policy(RUN, version))) {
      const known = earlier.find(([at]) => keys.policy(RUN, at) === key)
      expect(known?.[1]).toBe(sha256At(store, key).slice(0, 32))
    }
    expect(store.objects.get(keys.manifest(RUN))?.body.byteLength).toBeLessThan(16_384)
  }
})

test('where nobody asks for an older version, a small policy rides in the manifest alone, and a large one has its object', async () => {
  const store = memoryStore()
  const { publisher, puts } = publishing(store, { everyVersion: false })
  await publisher.publish(0, modelOf(0, false))
  expect([...store.objects.keys()]).toEqual([keys.manifest(RUN)])
  expect(puts.count).toBe(1)
  const { policy } = await manifestIn(store)
  expect(sha256Hex(Buffer.from(policy.inline ?? '', 'base64'))).toBe(policy.sha256)
  await publisher.publish(1, modelOf(1, true))
  expect([...store.objects.keys()].toSorted()).toEqual([keys.policy(RUN, 1), keys.manifest(RUN)].toSorted())
  expect(puts.count).toBe(3)
})

test('a policy that was damaged in the bucket, or is gone, is written again, and no checkpoint takes one that is', async () => {
  const store = memoryStore()
  const originals = new Originals(store)
  const { publisher } = publishing(store, { originals })
  for (const version of [0, 1, 2]) await publisher.publish(version, modelOf(version, false))
  await store.put(keys.policy(RUN, 0), Uint8Array.of(1, 2, 3))
  await store.delete([keys.policy(RUN, 1)])
  expect((await publisher.models(0, 2)).map(({ model }) => model[0])).toEqual([1, 2, 3])
  for (const version of [0, 1]) expect(await originals.writeAgain(keys.policy(RUN, version))).toBe(true)
  expect([0, 1].map((version) => sha256At(store, keys.policy(RUN, version)))).toEqual(
    [0, 1].map((version) => sha256Hex(modelOf(version, false))),
  )
})

test.each([false, true])(
  'where a function waits for its own fragment, no manifest tells that it was taken before it names the policy made of it (large: %s)',
  async (large) => {
    const store = memoryStore()
    const consumed = [0]
    const { publisher } = publishing(store, { everyVersion: false, consumed: () => consumed, consumedWithPolicy: true })
    for (let version = 0; version < 4; version++) {
      const published = publisher.publish(version, modelOf(version, large))
      // The next fragment is trained on while the write is under way, and a heartbeat comes between.
      consumed[0] = version + 1
      publisher.tell()
      await published
      publisher.tell()
      await vi.waitFor(async () => expect((await manifestIn(store)).policy.version).toBe(version))
      expect((await manifestIn(store)).consumed).toEqual([version])
    }
    await publisher.stop()
  },
)

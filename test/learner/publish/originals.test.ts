import { expect, test } from 'vitest'
import { Originals } from '../../../learner/publish/originals.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

const body = (bytes: number, fill = 1) => new Uint8Array(bytes).fill(fill)

test('an object that a function found damaged is written again as it was, once for all that found it; a foreign key never is', async () => {
  const store = memoryStore()
  let puts = 0
  const counted: ObjectStore = { ...store, put: async (...args) => (puts++, await store.put(...args)) }
  const originals = new Originals(counted)
  originals.keep('policies/run/7', body(10))
  await store.put('policies/run/7', body(9))
  expect(await Promise.all([1, 2, 3].map(() => originals.writeAgain('policies/run/7')))).toEqual([true, true, true])
  expect(puts).toBe(1)
  expect(store.objects.get('policies/run/7')?.body).toEqual(body(10))
  expect(await originals.writeAgain('runs/another/manifest.json')).toBe(false)
  expect(puts).toBe(1)
})

test('old policies are forgotten when there are too many bytes of them; the newest and the code are kept', async () => {
  const originals = new Originals(memoryStore())
  originals.keepForGood('code/run/a.mjs', body(1))
  for (let version = 0; version < 5; version++) originals.keep(`policies/run/${version}`, body(30 << 20, version))
  const kept = [0, 1, 2, 3, 4].filter((version) => originals.get(`policies/run/${version}`))
  expect(kept).toEqual([3, 4])
  originals.keep('policies/run/5', body(65 << 20))
  expect(originals.get('policies/run/5')?.byteLength).toBe(65 << 20)
  expect(originals.get('policies/run/4')).toBeUndefined()
  expect(originals.get('code/run/a.mjs')).toBeDefined()
  originals.forget('policies/run/5')
  expect(await originals.writeAgain('policies/run/5')).toBe(false)
})

test('where it cannot be written, the caller goes on', async () => {
  const refusing: ObjectStore = { ...memoryStore(), put: async () => Promise.reject(new Error('no')) }
  const originals = new Originals(refusing)
  originals.keep('policies/run/1', body(1))
  expect(await originals.writeAgain('policies/run/1')).toBe(false)
})

import { expect, test } from 'vitest'
import { Fence } from '../../../learner/stage/fence.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Two learners over one bucket, the second after the first. */
function learners() {
  const store = memoryStore()
  const claims = [{ held: true }, { held: false }]
  const [old, next] = claims.map((claim) => new Fence({ store, claim })) as [Fence, Fence]
  const takeOver = () => {
    Object.assign(claims[0]!, { held: false })
    Object.assign(claims[1]!, { held: true })
  }
  const at = (key: string) => new TextDecoder().decode(store.objects.get(key)?.body)
  return { store, claims, old, next, takeOver, at }
}

test('a learner writes what it wrote before, and what it finds there', async () => {
  const { store, old, at } = learners()
  await store.put('found', bytes('before'))
  for (const text of ['1', '2']) for (const key of ['found', 'own']) await old.put(key, bytes(text))
  expect([at('found'), at('own')]).toEqual(['2', '2'])
})

test('a learner that was replaced writes nothing more, and says so', async () => {
  const { old, next, takeOver, at } = learners()
  await old.put('status', bytes('old'))
  takeOver()
  await next.put('status', bytes('new'))
  await expect(old.put('status', bytes('late'))).rejects.toMatchObject({ code: 'E_LEARNER' })
  await expect(old.put('other', bytes('late'))).rejects.toMatchObject({ code: 'E_LEARNER' })
  expect([at('status'), at('other')]).toEqual(['new', ''])
})

test.each(['a new key', 'a key that it wrote'])(
  'a learner that stands still in the middle of a write of %s does not overwrite what the next one has written meanwhile',
  async (which) => {
    const { store, claims, next, takeOver, at } = learners()
    let goOn = () => {}
    const slow: ObjectStore = {
      ...store,
      async put(key, body, condition) {
        if (stands) await new Promise<void>((resolve) => (goOn = resolve))
        return await store.put(key, body, condition)
      },
    }
    let stands = false
    const old = new Fence({ store: slow, claim: claims[0]! })
    if (which !== 'a new key') await old.put('status', bytes('old'))
    stands = true
    const late = old.put('status', bytes('late'))
    takeOver()
    await next.put('status', bytes('new'))
    goOn()
    await expect(late).rejects.toMatchObject({ code: 'E_LEARNER' })
    expect(at('status')).toBe('new')
  },
)

test('what a learner that was replaced wrote just before the next one is overwritten by it', async () => {
  const { old, next, takeOver, at } = learners()
  await old.put('metrics', bytes('late'))
  takeOver()
  await next.put('metrics', bytes('new'))
  expect(at('metrics')).toBe('new')
})

test('a write whose answer was lost is not taken for that of another learner', async () => {
  const { store, claims, at } = learners()
  let loses = true
  const lossy: ObjectStore = {
    ...store,
    async put(key, body, condition) {
      const etag = await store.put(key, body, condition)
      if (loses) throw new MillraceError('E_STORE', 'the answer was lost')
      return etag
    },
  }
  const fence = new Fence({ store: lossy, claim: claims[0]! })
  await expect(fence.put('status', bytes('1'))).rejects.toMatchObject({ code: 'E_STORE' })
  loses = false
  await fence.put('status', bytes('2'))
  expect(at('status')).toBe('2')
})

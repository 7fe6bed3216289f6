import { expect, test } from 'vitest'
import { putWhole } from '../../../learner/publish/putWhole.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

test.each([0, 1, 2, 5])('an object that is damaged as it is written is written again: %i times', async (damaged) => {
  const store = memoryStore()
  let puts = 0
  const bad: typeof store.put = (key, body, condition) =>
    store.put(key, puts++ < damaged ? body.subarray(1) : body, condition)
  const body = Uint8Array.of(1, 2, 3)
  expect(await putWhole({ ...store, put: bad }, 'code', body)).toBe(sha256Hex(body))
  expect(puts).toBe(Math.min(damaged + 1, 3))
  expect(store.objects.get('code')?.body.length).toBe(damaged < 3 ? 3 : 2)
})

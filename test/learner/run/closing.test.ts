import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { endsAfter } from '../../../learner/run/closing.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('work may take as long as it likes until it is to end, and five minutes from then on', async () => {
  const abort = new AbortController()
  const seen: boolean[] = []
  void endsAfter(abort.signal, new Promise(() => undefined)).then((ended) => seen.push(ended))
  await vi.advanceTimersByTimeAsync(1e9)
  abort.abort()
  await vi.advanceTimersByTimeAsync(299_999)
  expect(seen).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(seen).toEqual([false])
})

test('work that ends or fails says so at once, and leaves neither a timer nor a listener', async () => {
  const abort = new AbortController()
  const removed = vi.spyOn(abort.signal, 'removeEventListener')
  expect(await endsAfter(abort.signal, Promise.resolve())).toBe(true)
  await expect(endsAfter(abort.signal, Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(removed).toHaveBeenCalledTimes(2)
  abort.abort()
  expect(await endsAfter(abort.signal, Promise.resolve())).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

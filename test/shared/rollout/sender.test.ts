import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sender } from '../../../shared/rollout/sender.ts'

test('sends overlap, never more than the limit, each starts once and in order, and drain waits for all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), fc.nat(12), async (scheduler, limit, count) => {
      const sender = new Sender(limit)
      const started: number[] = []
      let [inFlight, most, ended] = [0, 0, 0]
      const all = (async () => {
        for (let i = 0; i < count; i++) {
          await sender.start(async () => {
            started.push(i)
            most = Math.max(most, ++inFlight)
            await scheduler.schedule(Promise.resolve(), `send ${i}`)
            inFlight--
            ended++
          })
        }
        await sender.drain()
      })()
      await scheduler.waitFor(all)
      expect(started).toEqual(Array.from({ length: count }, (_, i) => i))
      expect(ended).toBe(count)
      expect(most).toBe(Math.min(limit, count))
    }),
    { numRuns: 60 },
  )
})

test('the first failure is thrown at the next start and at every drain, and nothing is sent after it', async () => {
  const sender = new Sender(1)
  const failure = new Error('no queue')
  await sender.start(() => Promise.reject(failure))
  let sent = false
  const later = async () => {
    sent = true
  }
  await expect(sender.start(later)).rejects.toBe(failure)
  await expect(sender.drain()).rejects.toBe(failure)
  await expect(sender.drain()).rejects.toBe(failure)
  expect(sent).toBe(false)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SharedWindow } from '../../../learner/rollouts/sharedWindow.ts'

const setting = fc.record({
  shards: fc.integer({ min: 1, max: 40 }),
  batch: fc.integer({ min: 1, max: 40 }),
  lead: fc.nat(3),
})

const windowOf = ({ shards, batch, lead }: { shards: number; batch: number; lead: number }, atOnce?: number) => ({
  own: Math.ceil((batch / shards) * (lead + 1) - 1e-9),
  window: new SharedWindow({
    pacing: { perVersion: batch / shards, lead },
    shards,
    ...(atOnce !== undefined && { atOnce }),
  }),
})

test('while every shard delivers its part, in whatever order within a round, the window is what the pacing says', () => {
  fc.assert(
    fc.property(setting, fc.infiniteStream(fc.nat(1e6)), (of, random) => {
      const { own, window } = windowOf(of)
      for (let round = 0; round < 6; round++) {
        const left = Array.from({ length: of.shards }, (_, shard) => shard)
        while (left.length > 0) {
          const { value } = random.next()
          window.consumed(left.splice(value % left.length, 1)[0] ?? 0)
          expect(window.size).toBe(own)
        }
      }
      expect(window.largest).toBe(own)
    }),
  )
})

test('what shards do not use goes to those that deliver: together they may be `lead + 1` batches ahead, each at least by its share', () => {
  fc.assert(
    fc.property(setting, fc.nat(1e6), (of, some) => {
      const { own, window } = windowOf(of)
      const delivering = 1 + (some % of.shards)
      for (let i = 0; i < 3 * Math.max(of.shards, of.batch); i++) window.consumed(i % delivering)
      const total = of.batch * (of.lead + 1)
      expect(window.size).toBe(Math.max(own, Math.ceil(total / delivering - 1e-9)))
      expect(window.largest).toBeGreaterThanOrEqual(window.size)
      for (let i = 0; i < 3 * Math.max(of.shards, of.batch); i++) window.consumed(i % of.shards)
      expect(window.size).toBe(own)
    }),
  )
})

test('where fewer functions run than there are shards, those that do make up a batch from the start', () => {
  expect(windowOf({ shards: 16, batch: 16, lead: 1 }, 4).window.size).toBe(8)
  expect(windowOf({ shards: 16, batch: 16, lead: 1 }, 1000).window.size).toBe(2)
})

import { expect, test } from 'vitest'
import {
  MAX_INLINE_BYTES,
  TRANSPORT_PRICES,
  cheapestSpillAboveBytes,
  chunksInline,
  usdInline,
  usdSpilled,
} from '../../../shared/batch/spill.ts'

test('prices per million bodies are those of the arithmetic in the docs', () => {
  const at = cheapestSpillAboveBytes()
  expect(at).toBe(343_296)
  expect([chunksInline(at), chunksInline(at + 3)]).toEqual([7, 8])
  expect(usdInline(at) * 1e6).toBeCloseTo(6, 9)
  expect(usdInline(at + 3) * 1e6).toBeCloseTo(6.8, 9)
  expect(usdSpilled(0) * 1e6).toBeCloseTo(6.6, 9)
})

test('on either side of the threshold the chosen way is the cheaper one', () => {
  for (const prices of [
    TRANSPORT_PRICES,
    { ...TRANSPORT_PRICES, s3Put: 1.13e-6 },
    { ...TRANSPORT_PRICES, storedDays: 365 },
  ]) {
    const at = cheapestSpillAboveBytes(prices)
    for (let bytes = 1000; bytes <= MAX_INLINE_BYTES; bytes += 10_007) {
      expect(usdInline(bytes, prices) <= usdSpilled(bytes, prices)).toBe(bytes <= at)
    }
  }
})

test('where the bucket is free everything is spilled, where it is dear nothing is that fits into a message', () => {
  const free = { sqsRequest: 1, s3Put: 0, s3Get: 0, s3GbMonth: 0, storedDays: 0 }
  expect(cheapestSpillAboveBytes({ ...free, s3Put: -1 })).toBe(0)
  expect(cheapestSpillAboveBytes({ ...free, s3Put: 1e3 })).toBe(MAX_INLINE_BYTES)
})

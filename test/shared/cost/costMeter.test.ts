import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CostMeter } from '../../../shared/cost/costMeter.ts'
import { type Price, US_EAST_1 } from '../../../shared/cost/priceBook.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

const HOUR_MS = 3_600_000

function metering(memoryMb = 1769) {
  const clock = { now: 1_700_000_000_000 }
  return { clock, meter: new CostMeter(US_EAST_1, { memoryMb, now: () => clock.now }) }
}

const reportOf = (totalMs: number, requests: LeaseReport['requests']): LeaseReport => ({
  run: 'r',
  shard: 0,
  lease: 'l',
  end: 'deadline',
  fragments: 1,
  envSteps: 1,
  totalMs,
  steppingMs: 0,
  waitingMs: 0,
  coldStart: false,
  requests,
})

test('the bill is functions by memory and time, requests by kind and the learner’s hours, whatever happened in which order', () => {
  const requests = fc.record({ s3Put: fc.nat(1000), s3Get: fc.nat(1000), sqs: fc.nat(1000) })
  const lease = fc.record({ startMs: fc.nat(10_000), runMs: fc.nat(100_000), reports: fc.boolean(), requests })
  fc.assert(
    fc.property(
      fc.array(lease, { maxLength: 8 }),
      requests,
      fc.integer({ min: 128, max: 10_240 }),
      (leases, own, memoryMb) => {
        const { clock, meter } = metering(memoryMb)
        const from = clock.now
        const moments = leases
          .flatMap((one, id) => [
            { at: one.startMs, id, start: true },
            { at: one.startMs + one.runMs, id, start: false },
          ])
          .sort((a, b) => a.at - b.at || Number(b.start) - Number(a.start))
        meter.request(own)
        let ms = 0
        const total = { ...own }
        for (const { at, id, start } of moments) {
          clock.now = from + at
          const one = leases[id]!
          if (start) meter.invoked([`lease-${id}`])
          else if (one.reports) {
            // A function's own account counts, not the time until it was heard.
            meter.leaseEnded(`lease-${id}`, reportOf(one.runMs / 2, one.requests))
            ms += one.runMs / 2
            total.s3Put += one.requests.s3Put
            total.s3Get += one.requests.s3Get
            total.sqs += one.requests.sqs
          } else {
            meter.leaseEnded(`lease-${id}`)
            ms += one.runMs
          }
        }
        const parts = meter.byPart()
        const { functionGbSecond, functionRequest, s3Write, s3Read, sqsRequest, learnerHour } = US_EAST_1
        const functions = (ms / 1000) * (memoryMb / 1024) * functionGbSecond.usd + leases.length * functionRequest.usd
        expect(parts.functions).toBeCloseTo(functions, 10)
        expect(parts.s3).toBeCloseTo(total.s3Put * s3Write.usd + total.s3Get * s3Read.usd, 10)
        expect(parts.sqs).toBeCloseTo(total.sqs * sqsRequest.usd, 10)
        expect(parts.learner).toBeCloseTo(((clock.now - from) / HOUR_MS) * learnerHour.usd, 10)
        expect(meter.total()).toBeCloseTo(parts.functions + parts.s3 + parts.sqs + parts.learner, 10)
      },
    ),
  )
})

test('a function that still runs counts for the time it has run', () => {
  const { clock, meter } = metering(1024)
  meter.invoked(['a'])
  clock.now += 60_000
  meter.invoked(['b'])
  clock.now += 30_000
  const { functions } = meter.byPart()
  expect(functions).toBeCloseTo(120 * US_EAST_1.functionGbSecond.usd + 2 * US_EAST_1.functionRequest.usd, 12)
})

test('a function that works on several leases is paid once, for as long as the longest of them took', () => {
  const { clock, meter } = metering(1024)
  meter.invoked(['a', 'b', 'c'])
  clock.now += 60_000
  const { functions: running } = meter.byPart()
  expect(running).toBeCloseTo(60 * US_EAST_1.functionGbSecond.usd + US_EAST_1.functionRequest.usd, 12)
  meter.leaseEnded('b', reportOf(58_000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  meter.leaseEnded('a', reportOf(59_000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  expect(meter.byPart().functions).toBe(running)
  meter.leaseEnded('c', reportOf(57_000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  const { functions, s3 } = meter.byPart()
  expect(functions).toBeCloseTo(59 * US_EAST_1.functionGbSecond.usd + US_EAST_1.functionRequest.usd, 12)
  expect(s3).toBeCloseTo(3 * US_EAST_1.s3Write.usd + 6 * US_EAST_1.s3Read.usd, 12)
})

test('a goodbye heard twice, or of a lease never started, is billed no second time', () => {
  const { meter } = metering()
  meter.invoked(['a'])
  meter.leaseEnded('a', reportOf(1000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  const once = meter.byPart()
  meter.leaseEnded('a', reportOf(1000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  meter.leaseEnded('b', reportOf(1000, { s3Put: 1, s3Get: 2, sqs: 3 }))
  expect(meter.byPart()).toEqual(once)
})

test('an hour of one function of 1 GB costs what the price list says', () => {
  const { clock, meter } = metering(1024)
  meter.invoked(['a'])
  clock.now += HOUR_MS
  expect(meter.byPart().functions).toBeCloseTo(0.04800044, 8)
  expect(meter.byPart().learner).toBeCloseTo(1.006, 12)
})

test('every price names its unit and its source; none is free', () => {
  const { region, date, machineHour, ...prices } = US_EAST_1
  expect(region).toBe('us-east-1')
  expect(date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  const all: Price[] = [...Object.values(prices), ...Object.values(machineHour)]
  for (const { usd, per, source } of all) {
    expect(usd).toBeGreaterThan(0)
    expect(per.length).toBeGreaterThan(3)
    expect(source).toMatch(/^https:\/\/aws\.amazon\.com\//)
  }
})

test('a wall clock that is set by an hour costs nothing and takes nothing back', async () => {
  const clock = virtualClock()
  const meter = new CostMeter(US_EAST_1, { memoryMb: 1024, now: () => clock.monotonic() })
  meter.invoked(['a'])
  await clock.advance(1_000)
  for (const jumpMs of [HOUR_MS, -2 * HOUR_MS]) {
    const before = meter.total()
    clock.set(clock.now() + jumpMs)
    expect(meter.total()).toBe(before)
  }
})

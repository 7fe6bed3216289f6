import { expect, test } from 'vitest'
import { localCloud } from '../../../infra/local/cloud.ts'
import type { FaultAction } from '../../../infra/local/faults/faults.ts'
import { awsClients, s3ObjectStore, sqsQueue } from '../../../shared/cloud/index.ts'
import { errorMayPass } from '../../../shared/cloud/mayPass.ts'
import { OUTAGE_MS, Patience, patientQueue, patientStore } from '../../../shared/cloud/patience.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { badQueue, badStore, percent } from '../../fakes/badMinutes.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { driven } from '../rollout/leases.ts'

const BODY = new TextEncoder().encode('body')

function patienceOf(options: Partial<ConstructorParameters<typeof Patience>[0]> = {}) {
  const clock = virtualClock()
  const outages: unknown[] = []
  const patience = new Patience({ clock, random: () => 0.5, onOutage: (error) => outages.push(error), ...options })
  return { clock, outages, patience }
}

test.each([2_000, 60_000, 170_000])(
  'an outage of %d ms is ridden out, with few tries, soon after its end',
  async (outageMs) => {
    const { clock, outages, patience } = patienceOf()
    const from = clock.monotonic()
    const inner = memoryStore()
    const store = patientStore(
      badStore(inner, () => clock.monotonic() - from < outageMs),
      patience,
    )
    await driven(clock, store.put('key', BODY), 50)
    expect(inner.objects.has('key')).toBe(true)
    expect(clock.monotonic() - from - outageMs).toBeLessThan(Math.max(outageMs, 4_000))
    expect(clock.monotonic() - from - outageMs).toBeLessThan(5_100)
    expect(outages.length).toBeLessThan(8 + outageMs / 3_750)
    expect(clock.sleeping).toBe(0)
  },
)

test('an outage of ten minutes fails with its cause after three', async () => {
  const { clock, patience } = patienceOf()
  const from = clock.monotonic()
  const store = patientStore(
    badStore(memoryStore(), () => true),
    patience,
  )
  const failed = driven(clock, store.get('key'), 1_000)
  await expect(failed).rejects.toMatchObject({ code: 'E_STORE', where: { status: 503 } })
  expect(clock.monotonic() - from).toBeGreaterThanOrEqual(OUTAGE_MS)
  expect(clock.monotonic() - from).toBeLessThan(OUTAGE_MS + 6_000)
})

test('of 2,000 calls of which 30 % are refused none fails, and every message arrives, also those that were taken and refused', async () => {
  const { clock, patience } = patienceOf()
  const inner = memoryQueue({ clock })
  const queue = patientQueue(badQueue(inner, percent(30, 7), percent(50, 8)), patience)
  for (let n = 0; n < 1_000; n++) await driven(clock, queue.send(String(n)), 100)
  const got = new Set<string>()
  while (inner.visible > 0)
    for (const { body } of await driven(clock, queue.receive({ max: 10, waitMs: 0 }), 100)) got.add(body)
  expect(got.size).toBe(1_000)
})

test('what is refused for good fails at once, and so does what may pass once nobody waits for it', async () => {
  const { clock, outages, patience } = patienceOf()
  const refused = new MillraceError('E_STORE', 'no such bucket', { status: 404 })
  await expect(patience.try(() => Promise.reject(refused))).rejects.toBe(refused)
  expect(outages).toEqual([])
  const passing = new MillraceError('E_STORE', 'slow down', { mayPass: true })
  const over = new AbortController()
  const trying = patience.try(() => Promise.reject(passing), { signal: over.signal })
  await clock.advance(1_000)
  over.abort()
  await expect(trying).rejects.toBe(passing)
  const ended = patienceOf({ worthIt: () => false })
  await expect(ended.patience.try(() => Promise.reject(passing))).rejects.toBe(passing)
  const late = patienceOf({ untilMs: 0 })
  await expect(late.patience.try(() => Promise.reject(passing))).rejects.toBe(passing)
  expect(clock.sleeping).toBe(0)
})

test('a conditional write is not repeated, for it could lose against itself; nor is a delete, for which nobody waits', async () => {
  const { patience } = patienceOf()
  let calls = 0
  const store = patientStore(
    badStore(memoryStore(), () => ++calls > 0),
    patience,
  )
  await expect(store.put('key', BODY, { ifAbsent: true })).rejects.toMatchObject({ code: 'E_STORE' })
  await expect(store.delete(['key'])).rejects.toMatchObject({ code: 'E_STORE' })
  expect(calls).toBe(2)
})

test('tries of many callers do not fall together: half of each pause is by chance', async () => {
  const pauses = await Promise.all(
    [0, 0.999].map(async (value) => {
      const { clock, patience } = patienceOf({ random: () => value })
      let calls = 0
      const once = () =>
        ++calls > 1 ? Promise.resolve(calls) : Promise.reject(new MillraceError('E_QUEUE', 'busy', { mayPass: true }))
      const from = clock.monotonic()
      await driven(clock, patience.try(once))
      return clock.monotonic() - from
    }),
  )
  expect(pauses[0]).toBeLessThan(60)
  expect(pauses[1]).toBeGreaterThan(95)
})

test.each<[number, string, boolean]>([
  [500, 'InternalError', true],
  [503, 'SlowDown', true],
  [429, 'TooManyRequests', true],
  [400, 'RequestTimeout', true],
  [403, 'AccessDenied', false],
  [404, 'NoSuchBucket', false],
  [400, 'InvalidRequest', false],
])('the adapters say whether HTTP %i %s may pass', async (status, code, passes) => {
  const refuse: FaultAction = { refuse: { status, code } }
  await using cloud = await localCloud({ faults: () => refuse })
  const clients = awsClients(accessTo(cloud))
  const { queueUrl } = { queueUrl: `${cloud.endpoint}/000000000000/queue` }
  const failures = [
    await s3ObjectStore(clients.s3, 'bucket')
      .put('key', BODY)
      .catch((error: unknown) => error),
    await sqsQueue(clients.sqs, { queueUrl })
      .send('body')
      .catch((error: unknown) => error),
  ]
  expect(failures.map(errorMayPass)).toEqual([passes, passes])
  clients.destroy()
})

test('a service that is not there may come back', async () => {
  const cloud = await localCloud()
  const clients = awsClients(accessTo(cloud))
  await cloud.close()
  expect(
    errorMayPass(
      await s3ObjectStore(clients.s3, 'bucket')
        .get('key')
        .catch((error: unknown) => error),
    ),
  ).toBe(true)
  clients.destroy()
})

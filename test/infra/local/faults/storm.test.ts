import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { type LocalCloud, localCloud } from '../../../../infra/local/cloud.ts'
import { FaultDice, damagedBytes, damagedText } from '../../../../infra/local/faults/dice.ts'
import type { FaultRequest } from '../../../../infra/local/faults/faults.ts'
import { Sqs } from '../../../../infra/local/sqs/sqs.ts'
import { Storm } from '../../../../infra/local/faults/storm.ts'
import { type FaultInput, FaultSetting } from '../../../../shared/faults/index.ts'
import { s3Client } from '../../../../shared/cloud/index.ts'
import { accessTo } from '../../../fakes/cloudAccess.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'

function stormOf(input: FaultInput) {
  const clock = virtualClock()
  const kept: { id: string; body: string; isCopy: boolean }[] = []
  const storm = new Storm(FaultSetting.parse(input), {
    clock,
    isData: (queue) => queue === 'data',
    onKept: (id, body, isCopy) => kept.push({ id, body, isCopy }),
  })
  return { storm, clock, kept, hooks: storm.hooks() }
}

const put: FaultRequest = { service: 's3', operation: 'PutObject', resource: 'b/k' }
const get: FaultRequest = { service: 's3', operation: 'GetObject', resource: 'b/k' }
const invoke: FaultRequest = { service: 'lambda', operation: 'Invoke', resource: 'f' }

test('one seed gives the same faults, whatever other calls come in between; another seed gives others', () => {
  const faults = { calls: { '*': { throttle: 0.2, error: 0.2, dropAfter: 0.2 } } }
  const drawn = (seed: number, between: number) => {
    const { hooks } = stormOf({ seed, ...faults })
    return Array.from({ length: 200 }, () => {
      for (let i = 0; i < between; i++) hooks.faults(get)
      return JSON.stringify(hooks.faults(put))
    })
  }
  expect(drawn(1, 0)).toEqual(drawn(1, 3))
  expect(drawn(1, 0)).not.toEqual(drawn(2, 0))
})

test('faults come as often as their rates say, and each is counted by kind as it happens', () => {
  const { storm, hooks } = stormOf({
    calls: { s3: { throttle: 0.1, error: 0.3 }, 's3.GetObject': { slow: 1, slowMs: 5 } },
  })
  const seen = { throttle: 0, error: 0 }
  for (let i = 0; i < 10_000; i++) {
    const action = hooks.faults(put)
    if (action?.refuse?.status === 503) seen.throttle++
    if (action?.refuse?.status === 500) seen.error++
  }
  for (let i = 0; i < 10; i++) expect(hooks.faults(get)?.delayMs).toBeLessThanOrEqual(6)
  expect(hooks.faults(invoke)).toBeUndefined()
  expect(seen.throttle / 10_000).toBeCloseTo(0.1, 1)
  expect(seen.error / 10_000).toBeCloseTo(0.3, 1)
  expect(storm.injected).toEqual({
    'throttled s3.PutObject': seen.throttle,
    '5xx s3.PutObject': seen.error,
    'slow s3.GetObject': 10,
  })
})

test('draws of the dice are even', () => {
  const dice = new FaultDice(7)
  const tenths = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 20_000; i++) {
    const tenth = Math.floor(dice.next('any') * 10)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200)
})

test('an outage refuses every call at the end of each period, and none before it', async () => {
  const { storm, hooks, clock } = stormOf({ outage: { everyMs: 1_000, forMs: 200 } })
  const refused: boolean[] = []
  let now = 0
  for (const at of [0, 799, 800, 999, 1_000, 1_799, 1_800]) {
    await clock.advance(at - now)
    now = at
    refused.push(hooks.faults(put) !== undefined)
  }
  expect(refused).toEqual([false, false, true, true, false, false, true])
  expect(storm.injected).toEqual({ 'outage s3.PutObject': 3 })
  const later = stormOf({ elapsedMs: 800, outage: { everyMs: 1_000, forMs: 200 } })
  expect(later.hooks.faults(put)).toBeDefined()
})

const message = (lease: string, n: number) =>
  JSON.stringify({ kind: 'fragment', format: 1, run: 'r', shard: 0, lease, sequence: n })

test('messages are copied under another id, delivered again under the same, held back and damaged; other queues are left alone', async () => {
  const { storm, hooks, clock, kept } = stormOf({
    messages: { duplicate: 0.3, redeliver: 0.3, delay: 0.2, delayMs: 100, reorder: 0.2, corrupt: 0.2 },
  })
  const sqs = new Sqs({ clock, faults: hooks.messageFaults })
  const queue = sqs.createQueue('data')
  const other = sqs.createQueue('other')
  for (let n = 0; n < 200; n++) {
    queue.send({ body: message('0-0', n) })
    other.send({ body: message('0-0', n) })
  }
  const counted = storm.injected
  const copies = kept.filter(({ isCopy }) => isCopy)
  expect(copies.length).toBe(counted['message duplicated'])
  expect(copies.length).toBeGreaterThan(30)
  expect(kept.length).toBe(200 + copies.length)
  expect(new Set(kept.map(({ id }) => id)).size).toBe(kept.length)
  expect(kept.every(({ body }) => body.startsWith('{"kind":"fragment"'))).toBe(true)

  const deliveries: { id: string; body: string; receipt: string }[] = []
  for (let ms = 0; ms < 1_000; ms += 10) {
    for (const one of queue.receiveNow({ max: 1_000, visibilityMs: 60_000 }))
      deliveries.push({ id: one.id, body: one.body, receipt: queue.receiptOf(one) })
    await clock.advance(10)
  }
  const again = deliveries.length - new Set(deliveries.map(({ id }) => id)).size
  expect(new Set(deliveries.map(({ id }) => id)).size).toBe(kept.length)
  expect(again).toBe(storm.injected['message delivered twice'])
  const sent = new Set(kept.map(({ body }) => body))
  const damaged = new Set(deliveries.filter(({ body }) => !sent.has(body)).map(({ id }) => id))
  expect(damaged.size).toBe((counted['message truncated'] ?? 0) + (counted['message altered'] ?? 0))
  expect(other.receiveNow({ max: 1_000 }).map(({ body }) => body)).toEqual(
    Array.from({ length: 200 }, (_, n) => message('0-0', n)),
  )
})

test('what is damaged is never empty, never what it was, and never longer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer(), (bytes, seed) => {
      const dice = new FaultDice(seed)
      const damaged = damagedBytes(bytes, (what) => dice.next(what))
      expect(damaged).not.toEqual(bytes)
      expect(damaged.byteLength).toBeGreaterThan(0)
      expect(damaged.byteLength).toBeLessThanOrEqual(bytes.byteLength)
    }),
  )
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 50 }), fc.integer(), (text, seed) => {
      const dice = new FaultDice(seed)
      const damaged = damagedText(text, (what) => dice.next(what))
      expect(damaged).not.toBe(text)
      expect(damaged.length).toBeGreaterThan(0)
      expect(damaged.length).toBeLessThanOrEqual(text.length)
    }),
  )
})

const attemptOf = (lease: string) => ({
  functionName: 'f',
  requestId: 'q',
  invocationType: 'Event' as const,
  attempt: 0,
  payload: Buffer.from(
    JSON.stringify({
      format: 2,
      run: 'r',
      deadline: 1,
      leases: [
        { shard: 0, lease },
        { shard: 1, lease: 'x' },
      ],
    }),
  ),
})

test.each([
  ['duringSends', 'crash', 'crash during sends'],
  ['afterSends', 'crash', 'crash after sends'],
] as const)(
  'a function that is to crash %s ends at one of its own sends, which is taken or lost',
  async (point, as, kind) => {
    const { storm, hooks, clock } = stormOf({ crash: { [point]: 1 } })
    const queue = new Sqs({ clock, faults: hooks.messageFaults }).createQueue('data')
    const fault = hooks.lambda.faults?.(attemptOf('0-1'))
    if (typeof fault !== 'object' || !('kill' in fault)) throw new Error('it was to crash')
    expect(fault.as).toBe(as)
    for (let n = 0; n < 50; n++) queue.send({ body: message('1-7', n) })
    expect(fault.kill.aborted).toBe(false)
    let taken = 0
    while (!fault.kill.aborted) {
      try {
        queue.send({ body: message('0-1', taken) })
        taken++
      } catch (error) {
        expect(error).toMatchObject({ status: 500 })
      }
      await Promise.resolve()
    }
    expect(taken).toBeLessThanOrEqual(12)
    expect(queue.receiveNow({ max: 100 })).toHaveLength(50 + taken)
    expect(storm.injected).toEqual({ [kind]: 1 })
  },
)

test('time-outs, lack of memory and crashes before any send are of the invocation, and counted when they happen', () => {
  const of = (input: FaultInput) => stormOf(input).hooks.lambda.faults?.(attemptOf('0-1'))
  expect(of({ crash: { beforeSends: 1 } })).toBe('crash')
  expect(of({ timeout: 1 })).toMatchObject({ as: 'timeout' })
  expect(of({ outOfMemory: 1 })).toMatchObject({ as: 'outOfMemory' })
  expect(of({})).toBeUndefined()
  const { storm, hooks } = stormOf({ timeout: 1 })
  hooks.lambda.faults?.(attemptOf('0-1'))
  expect(storm.injected).toEqual({})
})

test("a lease's fate does not depend on those given out beside it", () => {
  const fates = (leases: readonly string[]) => {
    const { hooks } = stormOf({ crash: { beforeSends: 0.5 } })
    return new Map(leases.map((lease) => [lease, hooks.lambda.faults?.(attemptOf(lease))]))
  }
  const names = Array.from({ length: 50 }, (_, i) => `0-${i}`)
  expect(fates(names)).toEqual(new Map([...fates(names.toReversed())].toReversed()))
})

let cloud: LocalCloud | undefined
afterEach(async () => {
  await cloud?.close()
  cloud = undefined
})

test('a dropped call was done or not, as the setting says, and its caller hears of a broken connection', async () => {
  let drop: 'before' | 'after' = 'before'
  cloud = await localCloud({ faults: ({ operation }) => (operation === 'PutObject' ? { drop } : undefined) })
  cloud.s3.createBucket('bucket')
  const s3 = s3Client({ ...accessTo(cloud), maxAttempts: 1 } as Parameters<typeof s3Client>[0])
  const write = (Key: string) => s3.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: 'x' }))
  await expect(write('before')).rejects.toMatchObject({ code: 'ECONNRESET' })
  drop = 'after'
  await expect(write('after')).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(cloud.s3.list('bucket').objects.map(({ key }) => key)).toEqual(['after'])
  const read = await s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'after' }))
  expect(await read.Body?.transformToString()).toBe('x')
  await s3.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'after' }))
  s3.destroy()
})

test('an object that is damaged is read without a complaint of the transfer', async () => {
  const { hooks } = stormOf({ objects: { corrupt: 1 } })
  cloud = await localCloud({ objectFaults: hooks.objectFaults })
  cloud.s3.createBucket('bucket')
  const s3 = s3Client(accessTo(cloud))
  await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'key', Body: 'a whole body' }))
  const read = await s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' }))
  const body = (await read.Body?.transformToByteArray()) ?? new Uint8Array()
  expect(Buffer.from(body).toString('latin1')).not.toBe('a whole body')
  s3.destroy()
})

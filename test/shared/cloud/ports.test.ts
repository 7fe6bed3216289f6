import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import { directQueue } from '../../../infra/local/direct/directQueue.ts'
import { directStore } from '../../../infra/local/direct/directStore.ts'
import { awsClients, type AwsClients, s3ObjectStore, sqsQueue } from '../../../shared/cloud/index.ts'
import { bearerOf } from '../../../shared/cloud/credentials.ts'
import { lightQueue } from '../../../shared/cloud/loopback/lightQueue.ts'
import { lightStore } from '../../../shared/cloud/loopback/lightStore.ts'
import { Wire } from '../../../shared/cloud/loopback/wire.ts'
import type { BatchQueue, ObjectStore } from '../../../shared/cloud/ports.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

// Adapters and fakes keep one contract, so that a test with a fake says something about AWS.

let cloud: LocalCloud
let clients: AwsClients
let wire: Wire
beforeAll(async () => {
  cloud = await localCloud()
  clients = awsClients(accessTo(cloud))
  wire = new Wire(cloud.endpoint, bearerOf(cloud.credentials))
})
afterAll(async () => {
  clients.destroy()
  wire.destroy()
  await cloud.close()
})

const text = (body: string) => new TextEncoder().encode(body)

describe.each<[string, () => ObjectStore]>([
  ['memoryStore', memoryStore],
  [
    's3ObjectStore',
    () => {
      const bucket = `bucket-${randomUUID()}`
      cloud.s3.createBucket(bucket)
      return s3ObjectStore(clients.s3, bucket)
    },
  ],
  [
    'directStore',
    () => {
      const bucket = `bucket-${randomUUID()}`
      cloud.s3.createBucket(bucket)
      return directStore(cloud.s3, bucket)
    },
  ],
  [
    'lightStore',
    () => {
      const bucket = `bucket-${randomUUID()}`
      cloud.s3.createBucket(bucket)
      return lightStore(wire, bucket, async () => s3ObjectStore(clients.s3, bucket))
    },
  ],
])('%s', (_name, make) => {
  test('what was put is got, byte for byte, and nothing where nothing is', async () => {
    const store = make()
    const body = Uint8Array.from({ length: 200_001 }, (_, i) => (i * 13) & 255)
    const etag = await store.put('a/b', body)
    const found = await store.get('a/b')
    expect(found).toMatchObject({ kind: 'found', etag })
    expect(found.kind === 'found' && Buffer.compare(found.body, body)).toBe(0)
    expect(await store.get('a')).toEqual({ kind: 'absent' })
    await store.put('empty', new Uint8Array())
    expect(await store.get('empty')).toMatchObject({ kind: 'found', body: new Uint8Array() })
  })

  test('a read with the current ETag is notModified, with an old one found', async () => {
    const store = make()
    const first = await store.put('k', text('one'))
    expect(await store.get('k', { ifNoneMatch: first })).toEqual({ kind: 'notModified' })
    const second = await store.put('k', text('two'))
    expect(second).not.toBe(first)
    expect(await store.get('k', { ifNoneMatch: first })).toMatchObject({ kind: 'found', etag: second })
  })

  test('ifAbsent creates once: of ten racing writers one wins and the others lose the precondition', async () => {
    const store = make()
    const writes = Array.from({ length: 10 }, (_, i) => store.put('race', text(`${i}`), { ifAbsent: true }))
    const results = await Promise.allSettled(writes)
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    expect(lost).toEqual(Array.from({ length: 9 }, () => 'E_STORE_PRECONDITION'))
  })

  test('ifMatch replaces that version only, and nothing where nothing is', async () => {
    const store = make()
    const first = await store.put('k', text('one'))
    const second = await store.put('k', text('two'), { ifMatch: first })
    await expect(store.put('k', text('three'), { ifMatch: first })).rejects.toMatchObject({
      code: 'E_STORE_PRECONDITION',
    })
    await expect(store.put('none', text('x'), { ifMatch: first })).rejects.toMatchObject({
      code: 'E_STORE_PRECONDITION',
    })
    expect(await store.get('k')).toMatchObject({ kind: 'found', etag: second, body: text('two') })
  })

  test('a listing has every key under the prefix in UTF-8 order, over all pages', async () => {
    const store = make()
    const keys = Array.from({ length: 1005 }, (_, i) => `p/${String(i).padStart(5, '0')}`)
    keys.push('p/\uffee', 'p/😀')
    await Promise.all([...keys.toReversed(), 'other'].map((key) => store.put(key, text(key))))
    expect(await store.list('p/')).toEqual(keys)
    await store.delete(keys)
    expect(await store.list('')).toEqual(['other'])
  })

  test('deleting takes one key, several, none, and keys that are not there', async () => {
    const store = make()
    for (const key of ['a', 'b', 'c']) await store.put(key, text(key))
    await store.delete([])
    await store.delete(['a'])
    await store.delete(['b', 'missing'])
    await store.delete(['missing'])
    expect(await store.list('')).toEqual(['c'])
  })

  test('an aborted read fails and does not hang', async () => {
    await expect(make().get('k', { signal: AbortSignal.abort() })).rejects.toThrow()
  })
})

describe.each<[string, () => { queue: BatchQueue; visible: () => number; deadLetters: () => string[] }]>([
  [
    'memoryQueue',
    () => {
      const queue = memoryQueue()
      return { queue, visible: () => queue.visible, deadLetters: () => queue.deadLetters.map(({ body }) => body) }
    },
  ],
  [
    'sqsQueue',
    () => {
      const [main, dead] = [`q-${randomUUID()}`, `q-${randomUUID()}`]
      const [mainQueue, deadQueue] = [cloud.sqs.createQueue(main), cloud.sqs.createQueue(dead)]
      const url = (name: string) => `${cloud.endpoint}/000000000000/${name}`
      return {
        queue: sqsQueue(clients.sqs, { queueUrl: url(main), deadLetterQueueUrl: url(dead) }),
        visible: () => Number(mainQueue.describe()['ApproximateNumberOfMessages']),
        deadLetters: () => deadQueue.receiveNow({ max: 10 }).map(({ body }) => body),
      }
    },
  ],
  [
    'directQueue',
    () => {
      const [main, dead] = [`q-${randomUUID()}`, `q-${randomUUID()}`]
      const [mainQueue, deadQueue] = [cloud.sqs.createQueue(main), cloud.sqs.createQueue(dead)]
      return {
        queue: directQueue(cloud.sqs, { queue: main, deadLetterQueue: dead }),
        visible: () => Number(mainQueue.describe()['ApproximateNumberOfMessages']),
        deadLetters: () => deadQueue.receiveNow({ max: 10 }).map(({ body }) => body),
      }
    },
  ],
  [
    'lightQueue',
    () => {
      const [main, dead] = [`q-${randomUUID()}`, `q-${randomUUID()}`]
      const [mainQueue, deadQueue] = [cloud.sqs.createQueue(main), cloud.sqs.createQueue(dead)]
      const url = (name: string) => `${cloud.endpoint}/000000000000/${name}`
      const urls = { queueUrl: url(main), deadLetterQueueUrl: url(dead) }
      return {
        queue: lightQueue(wire, urls.queueUrl, async () => sqsQueue(clients.sqs, urls)),
        visible: () => Number(mainQueue.describe()['ApproximateNumberOfMessages']),
        deadLetters: () => deadQueue.receiveNow({ max: 10 }).map(({ body }) => body),
      }
    },
  ],
])('%s', (_name, make) => {
  test('messages arrive once each and are gone when deleted, more than ten at once', async () => {
    const { queue, visible } = make()
    const bodies = Array.from({ length: 23 }, (_, i) => `body ${i} ü`)
    await Promise.all(bodies.map((body) => queue.send(body)))
    const received = []
    while (received.length < bodies.length) received.push(...(await queue.receive({ max: 10, waitMs: 1000 })))
    expect(received.map(({ body }) => body).sort()).toEqual(bodies.toSorted())
    expect(received.every(({ receiveCount }) => receiveCount === 1)).toBe(true)
    await queue.delete(received)
    await queue.delete([])
    expect(visible()).toBe(0)
  })

  test('a receive wakes for a message sent while it waits', async () => {
    const { queue } = make()
    const waiting = queue.receive({ max: 1, waitMs: 20_000 })
    await queue.send('awake')
    expect((await waiting)[0]).toMatchObject({ body: 'awake', receiveCount: 1 })
  })

  test('an abort ends a receive with nothing, before and while it waits', async () => {
    const { queue } = make()
    expect(await queue.receive({ max: 1, waitMs: 20_000, signal: AbortSignal.abort() })).toEqual([])
    const abort = new AbortController()
    const waiting = queue.receive({ max: 1, waitMs: 20_000, signal: abort.signal })
    setImmediate(() => abort.abort())
    expect(await waiting).toEqual([])
  })

  test('a rejected message leaves the queue for the dead letters', async () => {
    const { queue, visible, deadLetters } = make()
    await queue.send('poison')
    const [message] = await queue.receive({ max: 1, waitMs: 0 })
    if (message !== undefined) await queue.reject(message, 'a NaN: \u0000 rewards[0, 3]')
    expect(deadLetters()).toEqual(['poison'])
    expect(visible()).toBe(0)
  })

  test('a message over 1 MiB and one without a body are refused', async () => {
    const { queue } = make()
    await expect(queue.send('x'.repeat(1_048_577))).rejects.toMatchObject({ code: 'E_QUEUE' })
    await expect(queue.send('')).rejects.toMatchObject({ code: 'E_QUEUE' })
  })
})

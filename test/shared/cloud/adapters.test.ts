import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import type { FaultAction, Faults } from '../../../infra/local/faults.ts'
import { awsClients, s3Client, s3ObjectStore, sqsClient, sqsQueue } from '../../../shared/cloud/index.ts'

let cloud: LocalCloud
let other: LocalCloud
let faults: Faults | undefined
beforeAll(async () => {
  cloud = await localCloud({ faults: (point) => faults?.(point) })
  other = await localCloud()
  for (const { s3, sqs } of [cloud, other]) {
    s3.createBucket('bucket')
    sqs.createQueue('queue')
  }
})
afterAll(() => Promise.all([cloud.close(), other.close()]))
beforeEach(() => {
  faults = undefined
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const text = (body: string) => new TextEncoder().encode(body)
const refuse = (status: number, code: string): FaultAction => ({ refuse: { status, code } })

/** The first `count` requests of this operation are refused. */
function failFirst(operation: string, count: number, action: FaultAction): () => number {
  let seen = 0
  faults = (point) => (point.operation === operation && seen++ < count ? action : undefined)
  return () => seen
}

const store = () => s3ObjectStore(s3Client({ localEndpoint: cloud.endpoint }), 'bucket')

test('a 5xx is tried again by the SDK; a write that cannot be made says what, where and why', async () => {
  const seen = failFirst('PutObject', 1, refuse(503, 'SlowDown'))
  await store().put('retried', text('x'))
  expect(seen()).toBe(2)
  failFirst('PutObject', 1, refuse(403, 'AccessDenied'))
  await expect(store().put('denied', text('x'))).rejects.toMatchObject({
    code: 'E_STORE',
    message: expect.stringMatching(/cannot write denied.*AccessDenied, HTTP 403/),
  })
})

test('a 409, which the SDK leaves alone, is tried again a few times and then reported', async () => {
  const seen = failFirst('PutObject', 2, refuse(409, 'ConditionalRequestConflict'))
  await store().put('conflict', text('x'), { ifAbsent: true })
  expect(seen()).toBe(3)
  failFirst('PutObject', 100, refuse(409, 'ConditionalRequestConflict'))
  await expect(store().put('conflicts', text('x'))).rejects.toMatchObject({ code: 'E_STORE' })
})

test('a conditional create whose first answer was lost is not taken for a lost race', async () => {
  let attempts = 0
  faults = (point) => {
    if (point.operation !== 'PutObject' || ++attempts > 1) return undefined
    cloud.s3.put('bucket', 'lost-answer', text('mine')) // stored, but the answer is an error
    return refuse(500, 'InternalError')
  }
  const etag = await store().put('lost-answer', text('mine'), { ifAbsent: true })
  expect(etag).toBe(cloud.s3.get('bucket', 'lost-answer').etag)
  attempts = 0
  faults = (point) => {
    if (point.operation !== 'PutObject' || ++attempts > 1) return undefined
    cloud.s3.put('bucket', 'lost-race', text('theirs'))
    return refuse(500, 'InternalError')
  }
  await expect(store().put('lost-race', text('mine'), { ifAbsent: true })).rejects.toMatchObject({
    code: 'E_STORE_PRECONDITION',
  })
})

test('a bucket that is not there is an error, not an absent object', async () => {
  const lost = s3ObjectStore(s3Client({ localEndpoint: cloud.endpoint }), 'missing')
  await expect(lost.get('k')).rejects.toMatchObject({
    code: 'E_STORE',
    message: expect.stringContaining('NoSuchBucket'),
  })
})

test('a read that hangs ends with its signal', async () => {
  const abort = new AbortController()
  faults = () => {
    setImmediate(() => abort.abort()) // the request has arrived
    return { delayMs: 600_000 }
  }
  await expect(store().get('k', { signal: abort.signal })).rejects.toMatchObject({ code: 'E_STORE' })
})

test('a delete that the queue refuses for some messages is an error', async () => {
  const queue = sqsQueue(sqsClient({ localEndpoint: cloud.endpoint }), { queueUrl: `${cloud.endpoint}/0/queue` })
  const messages = ['a', 'b'].map((id) => ({ id, receipt: 'elsewhere', body: '', receiveCount: 1 }))
  await expect(queue.delete(messages)).rejects.toMatchObject({
    code: 'E_QUEUE',
    message: expect.stringContaining('2 of 2'),
  })
  const [message] = messages
  if (message)
    await expect(queue.reject(message, 'why')).rejects.toMatchObject({
      code: 'E_QUEUE',
      message: expect.stringContaining('why'),
    })
})

test('AWS_ENDPOINT_URL_S3 and _SQS each move their own service and leave the other where it was', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', other.endpoint)
  const clients = awsClients({ localEndpoint: cloud.endpoint })
  await s3ObjectStore(clients.s3, 'bucket').put('moved', text('x'))
  await sqsQueue(clients.sqs, { queueUrl: `${cloud.endpoint}/000000000000/queue` }).send('stays')
  expect(other.s3.get('bucket', 'moved').body).toHaveLength(1)
  expect(cloud.sqs.queue('queue').receiveNow({ max: 10 })).toHaveLength(1)

  vi.stubEnv('AWS_ENDPOINT_URL_SQS', other.endpoint)
  await sqsQueue(sqsClient(), { queueUrl: `${cloud.endpoint}/000000000000/queue` }).send('moved')
  expect(other.sqs.queue('queue').receiveNow({ max: 10 })).toHaveLength(1)
})

test('AWS_ENDPOINT_URL moves every service, and credentials of the environment sign again', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', other.endpoint)
  await s3ObjectStore(s3Client(), 'bucket').put('all', text('x'))
  expect(other.s3.get('bucket', 'all').body).toHaveLength(1)
  const signs = async () => {
    const client = s3Client()
    let signed = false
    client.middlewareStack.add(
      (next) => async (args) => {
        signed = JSON.stringify(args.request).toLowerCase().includes('"authorization":')
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    await s3ObjectStore(client, 'bucket').list('')
    return signed
  }
  expect(await signs()).toBe(false)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_REGION', 'us-east-1')
  expect(await signs()).toBe(true)
})

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import type { FaultAction, Faults } from '../../../infra/local/faults/faults.ts'
import { awsClients, s3Client, s3ObjectStore, sqsClient, sqsQueue } from '../../../shared/cloud/index.ts'
import type { Credentials } from '../../../shared/cloud/credentials.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

let cloud: LocalCloud
let other: LocalCloud
let faults: Faults | undefined
/** A user's own pair. */
const USERS = { accessKeyId: 'key', secretAccessKey: 'secret' }
beforeAll(async () => {
  cloud = await localCloud({ faults: (point) => faults?.(point) })
  other = await localCloud({ alsoAccepts: USERS })
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

function setCredentials(credentials: Credentials | undefined): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials?.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials?.secretAccessKey)
}

const text = (body: string) => new TextEncoder().encode(body)
const refuse = (status: number, code: string): FaultAction => ({ refuse: { status, code } })

/** The first `count` requests of this operation are refused. */
function failFirst(operation: string, count: number, action: FaultAction): () => number {
  let seen = 0
  faults = (point) => (point.operation === operation && seen++ < count ? action : undefined)
  return () => seen
}

const store = () => s3ObjectStore(s3Client(accessTo(cloud)), 'bucket')

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
  const lost = s3ObjectStore(s3Client(accessTo(cloud)), 'missing')
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
  const queue = sqsQueue(sqsClient(accessTo(cloud)), { queueUrl: `${cloud.endpoint}/0/queue` })
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
  setCredentials(other.credentials)
  const clients = awsClients(accessTo(cloud))
  await s3ObjectStore(clients.s3, 'bucket').put('moved', text('x'))
  await sqsQueue(clients.sqs, { queueUrl: `${cloud.endpoint}/000000000000/queue` }).send('stays')
  expect(other.s3.get('bucket', 'moved').body).toHaveLength(1)
  expect(cloud.sqs.queue('queue').receiveNow({ max: 10 })).toHaveLength(1)

  vi.stubEnv('AWS_ENDPOINT_URL_SQS', other.endpoint)
  await sqsQueue(sqsClient(), { queueUrl: `${cloud.endpoint}/000000000000/queue` }).send('moved')
  expect(other.sqs.queue('queue').receiveNow({ max: 10 })).toHaveLength(1)
})

test('AWS_ENDPOINT_URL moves every service; its credentials open an emulated cloud as they are, a user’s own sign, and none are none', async () => {
  const header = async () => {
    const client = s3Client()
    let authorization: string | undefined
    client.middlewareStack.add(
      (next) => async (args) => {
        authorization = (args.request as { headers: Record<string, string> }).headers['authorization']
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    await s3ObjectStore(client, 'bucket')
      .put('all', text('x'))
      .finally(() => client.destroy())
    return authorization
  }
  vi.stubEnv('AWS_ENDPOINT_URL', other.endpoint)
  vi.stubEnv('AWS_REGION', 'us-east-1')
  setCredentials(undefined)
  await expect(header()).rejects.toMatchObject({ message: expect.stringContaining('AccessDenied, HTTP 403') })
  setCredentials(other.credentials)
  expect(await header()).toBe(`Bearer ${other.credentials.secretAccessKey}`)
  setCredentials(USERS)
  expect(await header()).toMatch(/^AWS4-HMAC-SHA256 Credential=key\//)
  setCredentials(cloud.credentials)
  await expect(header()).rejects.toMatchObject({ message: expect.stringContaining('InvalidAccessKeyId, HTTP 403') })
})

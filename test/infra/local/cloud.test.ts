import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { bearerOf } from '../../../shared/cloud/credentials.ts'
import { localCloud, type LocalCloud, type LocalCloudOptions } from '../../../infra/local/cloud.ts'
import type { FaultRequest } from '../../../infra/local/faults/faults.ts'
import { sdkSettings } from '../../fakes/cloudAccess.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: LocalCloudOptions = {}): Promise<{ cloud: LocalCloud; s3: S3Client; sqs: SQSClient }> {
  const cloud = await localCloud(options)
  const s3 = new S3Client(sdkSettings(cloud))
  const sqs = new SQSClient(sdkSettings(cloud))
  closing.push(async () => {
    s3.destroy()
    sqs.destroy()
    await cloud.close()
  })
  return { cloud, s3, sqs }
}

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

function http(
  { endpoint, credentials }: LocalCloud,
  path: string,
  options: { host?: string; method?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, method = 'GET' } = options
    const headers = { authorization: bearerOf(credentials), ...(host !== undefined && { host }) }
    const sent = request(endpoint, { path, method, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    sent.on('error', reject).end()
  })
}

test('a port in use is one clear error', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  closing.push(() => new Promise((resolve) => other.close(() => resolve())))
  const { port } = other.address() as AddressInfo
  await expect(localCloud({ port })).rejects.toMatchObject({
    code: 'E_PORT',
    message: expect.stringContaining(`port ${port}`),
  })
})

test('a bucket is also found by its host name', async () => {
  const { cloud } = await start()
  cloud.s3.createBucket('my.bucket')
  cloud.s3.put('my.bucket', 'a/b', Buffer.from('hosted'))
  for (const host of ['my.bucket.localhost:4566', 'my.bucket.s3.us-east-1.localhost']) {
    expect(await http(cloud, '/a/b', { host })).toEqual({ status: 200, body: 'hosted' })
  }
  expect((await http(cloud, '/my.bucket/a/b', { host: 'localhost:4566' })).body).toBe('hosted')
})

test('what S3 does not know is refused by name and not mistaken for something else', async () => {
  const { cloud } = await start()
  cloud.s3.createBucket('bucket')
  const acl = await http(cloud, '/bucket/key?acl', { method: 'PUT' })
  expect(acl).toMatchObject({ status: 501, body: expect.stringContaining('<Code>NotImplemented</Code>') })
  expect(await http(cloud, '/bucket/%zz')).toMatchObject({
    status: 400,
    body: expect.stringContaining('InvalidURI'),
  })
  expect(cloud.s3.list('bucket').objects).toEqual([])
})

test('a fault hook sees every request by name, can refuse it and can delay it', async () => {
  const clock = virtualClock()
  const seen: FaultRequest[] = []
  const { cloud, s3, sqs } = await start({
    clock,
    faults: (point) => {
      seen.push(point)
      if (point.operation === 'PutObject') return { refuse: { status: 503, code: 'SlowDown' } }
      return point.operation === 'GetObject' ? { delayMs: 5_000 } : undefined
    },
  })
  cloud.s3.createBucket('bucket')
  cloud.s3.put('bucket', 'k', Buffer.from('late'))
  const key = { Bucket: 'bucket', Key: 'k' }
  const refused = s3.send(new PutObjectCommand({ ...key, Body: 'x' }))
  await expect(refused).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })

  const reading = s3.send(new GetObjectCommand(key))
  while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve))
  await clock.advance(5_000)
  expect(await (await reading).Body?.transformToString()).toBe('late')

  const QueueUrl = `${cloud.endpoint}/000000000000/none`
  await expect(sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))).rejects.toMatchObject({
    name: 'QueueDoesNotExist',
  })
  expect(seen).toEqual([
    { service: 's3', operation: 'PutObject', resource: 'bucket/k' },
    { service: 's3', operation: 'GetObject', resource: 'bucket/k' },
    { service: 'sqs', operation: 'SendMessage', resource: '' },
  ])
})

test('a long poll whose connection closed swallows no message', async () => {
  const { cloud, sqs } = await start()
  const queue = cloud.sqs.createQueue('queue')
  const QueueUrl = `${cloud.endpoint}/000000000000/queue`
  const abort = new AbortController()
  const polling = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), { abortSignal: abort.signal })
  while (queue.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  abort.abort()
  await expect(polling).rejects.toMatchObject({ name: 'AbortError' })
  while (queue.waiting > 0) await new Promise((resolve) => setImmediate(resolve))
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kept' }))
  expect((await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages?.[0]?.Body).toBe('kept')
})

test('characters past U+FFFF travel, control characters are refused, and one bad entry leaves the rest of a batch alone', async () => {
  const { cloud, sqs } = await start()
  cloud.sqs.createQueue('queue')
  const QueueUrl = `${cloud.endpoint}/000000000000/queue`
  const Entries = ['🏞️ water', 'bell \u0007', 'plain'].map((MessageBody, i) => ({ Id: `${i}`, MessageBody }))
  const { Successful, Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
  expect(Successful?.map(({ Id }) => Id)).toEqual(['0', '2'])
  expect(Failed).toMatchObject([{ Id: '1', Code: 'InvalidMessageContents', SenderFault: true }])
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  expect(Messages?.map(({ Body }) => Body)).toEqual(['🏞️ water', 'plain'])
})

test('Lambda answers at the same endpoint', async () => {
  const { cloud } = await start({ lambda: { bootstrap: import.meta.filename } })
  const lambda = new LambdaClient(sdkSettings(cloud))
  closing.push(async () => lambda.destroy())
  const missing = lambda.send(new InvokeCommand({ FunctionName: 'rollout' }))
  await expect(missing).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  expect(cloud.lambda.usage()).toMatchObject({ invocations: 0 })
})

test('closing ends the long polls, and leaves no timer', async () => {
  const clock = virtualClock()
  const { cloud, sqs } = await start({ clock })
  const queue = cloud.sqs.createQueue('queue')
  const QueueUrl = `${cloud.endpoint}/000000000000/queue`
  const polling = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 })).catch(() => 'cut off')
  while (queue.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(clock.sleeping).toBe(1)
  await cloud.close()
  await polling
  expect(clock.sleeping).toBe(0)
})

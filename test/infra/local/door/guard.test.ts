import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { localCloud, type LocalCloud } from '../../../../infra/local/cloud.ts'
import { credentialGuard, newCredentials } from '../../../../infra/local/door/guard.ts'
import { type Credentials, isEmulatedKey } from '../../../../shared/cloud/credentials.ts'
import { sdkSettings } from '../../../fakes/cloudAccess.ts'
import { rawRequest } from '../rawRequest.ts'

let cloud: LocalCloud
const open: { destroy(): void }[] = []
beforeAll(async () => {
  cloud = await localCloud({ control: true, lambda: { bootstrap: import.meta.filename } })
  cloud.s3.createBucket('bucket')
  cloud.s3.put('bucket', 'key', Buffer.from('content'))
})
afterAll(() => cloud.close())
afterEach(() => {
  for (const client of open.splice(0)) client.destroy()
})

const keep = <C extends { destroy(): void }>(client: C): C => {
  open.push(client)
  return client
}

type Settings = ReturnType<typeof sdkSettings>
/** One call of every protocol. */
const CALLS: readonly [protocol: string, call: (settings: Settings) => Promise<unknown>][] = [
  [
    'S3',
    (s) =>
      keep(new S3Client({ ...s, forcePathStyle: true })).send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' })),
  ],
  [
    'SQS',
    (s) => keep(new SQSClient(s)).send(new SendMessageCommand({ QueueUrl: `${s.endpoint}/0/none`, MessageBody: 'x' })),
  ],
  ['Lambda', (s) => keep(new LambdaClient(s)).send(new InvokeCommand({ FunctionName: 'none' }))],
  ['SSM', (s) => keep(new SSMClient(s)).send(new GetParameterCommand({ Name: '/none' }))],
  ['STS', (s) => keep(new STSClient(s)).send(new GetCallerIdentityCommand())],
]
const MINUTE = 60_000

describe.each<[string, Partial<Credentials>, number, [protocol: string, name: string, status: number][]]>([
  [
    'a key that nobody has',
    { accessKeyId: 'AKIAIOSFODNN7EXAMPLE' },
    0,
    [
      ['S3', 'InvalidAccessKeyId', 403],
      ['SQS', 'InvalidClientTokenId', 403],
      ['Lambda', 'UnrecognizedClientException', 403],
      ['SSM', 'UnrecognizedClientException', 400],
      ['STS', 'InvalidClientTokenId', 403],
    ],
  ],
  [
    'a wrong secret',
    { secretAccessKey: 'wrong' },
    0,
    [
      ['S3', 'SignatureDoesNotMatch', 403],
      ['SQS', 'SignatureDoesNotMatch', 403],
      ['Lambda', 'InvalidSignatureException', 403],
      ['SSM', 'InvalidSignatureException', 400],
      ['STS', 'SignatureDoesNotMatch', 403],
    ],
  ],
  [
    'a clock that is 16 minutes late',
    {},
    -16 * MINUTE,
    [
      ['S3', 'RequestTimeTooSkewed', 403],
      ['SQS', 'SignatureDoesNotMatch', 403],
      ['Lambda', 'InvalidSignatureException', 403],
      ['SSM', 'InvalidSignatureException', 400],
      ['STS', 'SignatureDoesNotMatch', 403],
    ],
  ],
])('%s', (_, wrong, systemClockOffset, expected) => {
  test.each(expected)('is refused by %s as AWS does it, with %s', async (protocol, name, httpStatusCode) => {
    const settings = sdkSettings(cloud)
    const credentials = { ...settings.credentials, ...wrong }
    const call = CALLS.find(([of]) => of === protocol)?.[1]
    await expect(
      call?.({ ...settings, credentials, ...(systemClockOffset !== 0 && { systemClockOffset }) }),
    ).rejects.toMatchObject({
      name,
      $metadata: { httpStatusCode },
    })
  })
})

test.each(CALLS)(
  '%s takes the signature of an unmodified client, also of one whose clock is four minutes off',
  async (_, call) => {
    for (const systemClockOffset of [0, 4 * MINUTE, -4 * MINUTE]) {
      const refusal = await call({ ...sdkSettings(cloud), systemClockOffset } as Settings).then(
        () => undefined,
        (error: Error) => error.name,
      )
      expect(refusal ?? 'served').toMatch(/^(served|QueueDoesNotExist|ResourceNotFoundException|ParameterNotFound)$/)
    }
  },
)

describe('the body of a signed request', () => {
  const s3 = () => keep(new S3Client({ ...sdkSettings(cloud), forcePathStyle: true }))

  test.each([
    ['whole', Buffer.from('a body')],
    ['a stream, with its checksum behind it', Readable.from([Buffer.from('a '), Buffer.from('body')])],
  ])('comes through: %s', async (_, Body) => {
    await s3().send(new PutObjectCommand({ Bucket: 'bucket', Key: 'put', Body, ContentLength: 6 }))
    expect(Buffer.from(cloud.s3.get('bucket', 'put').body).toString()).toBe('a body')
  })

  test.each(['S3', 'SQS'])('may not be another one: %s', async (service) => {
    const client = service === 'S3' ? s3() : keep(new SQSClient(sdkSettings(cloud)))
    const { middlewareStack } = client as S3Client
    middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as { body: string | Uint8Array }
        request.body = Buffer.from(Buffer.from(request.body).toString().replace('good', 'evil'))
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    const put = new PutObjectCommand({ Bucket: 'bucket', Key: 'tampered', Body: 'good', ChecksumAlgorithm: 'SHA256' })
    const send = new SendMessageCommand({ QueueUrl: `${cloud.endpoint}/0/none`, MessageBody: 'good' })
    const name = service === 'S3' ? 'XAmzContentSHA256Mismatch' : 'SignatureDoesNotMatch'
    const sent = client instanceof S3Client ? client.send(put) : client.send(send)
    await expect(sent).rejects.toMatchObject({ name })
    expect(cloud.s3.list('bucket', { prefix: 'tampered' }).objects).toEqual([])
  })
})

test('of several pairs each opens the cloud, and new ones are never the same', async () => {
  const [own, also] = [newCredentials(), newCredentials()]
  expect(own).not.toEqual(also)
  expect(isEmulatedKey(own.accessKeyId)).toBe(true)
  expect(own.secretAccessKey).toMatch(/^[\w-]{40}$/)
  await using both = await localCloud({
    credentials: own,
    alsoAccepts: { accessKeyId: 'AKIAUSER', secretAccessKey: 's' },
  })
  both.s3.createBucket('bucket')
  both.s3.put('bucket', 'key', Buffer.from('content'))
  const [, get] = CALLS[0]!
  const settings = (credentials: typeof own) => sdkSettings({ endpoint: both.endpoint, credentials })
  await get(settings(own))
  await get(settings({ accessKeyId: 'AKIAUSER', secretAccessKey: 's' }))
  await expect(get(settings(also))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' })
})

test('the guard is made for one set of pairs: an empty one lets nobody in', async () => {
  const guard = credentialGuard([])
  const request = { headers: { authorization: 'Bearer ' }, url: '/' }
  const front = { protocol: 's3', maxBodyBytes: 1 }
  expect(() => guard(request as Parameters<typeof guard>[0], front as Parameters<typeof guard>[1])).toThrow(
    expect.objectContaining({ code: 'InvalidAccessKeyId' }),
  )
})

test('a signed request is for the very method, path and query that were signed', async () => {
  const client = keep(new S3Client({ ...sdkSettings(cloud), forcePathStyle: true }))
  let headers: Record<string, string> = {}
  client.middlewareStack.add(
    (next) => async (args) => {
      headers = { ...(args.request as { headers: Record<string, string> }).headers }
      return next(args)
    },
    { step: 'finalizeRequest', priority: 'low' },
  )
  await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' }))
  const again = (line: string) =>
    rawRequest(cloud.endpoint, { line, headers: { ...headers, Host: undefined, Connection: 'close' } })
  expect((await again('GET /bucket/key?x-id=GetObject')).status).toBe(200)
  for (const line of [
    'DELETE /bucket/key?x-id=GetObject',
    'GET /bucket/other?x-id=GetObject',
    'GET /bucket/key',
    'GET /?%zz',
  ])
    expect({ line, status: (await again(line)).status }).toEqual({ line, status: 403 })
})

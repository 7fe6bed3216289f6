import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { cloudCommand } from '../../cli/commands/cloud.ts'
import { localCloud } from '../../infra/local/index.ts'
import { FakeHost } from './fakeHost.ts'

/** A host that tells when something was printed. */
function listening(): { host: FakeHost; printed: Promise<string> } {
  const host = new FakeHost('/')
  const printed = new Promise<string>((resolve) => {
    const write = host.out.write.bind(host.out)
    host.out.write = (text) => {
      write(text)
      resolve(text)
    }
  })
  return { host, printed }
}

test('serves any AWS client that takes the variables it prints, until Ctrl-C, and leaves the port free', async () => {
  const { host, printed } = listening()
  const ended = cloudCommand({ port: 0 }, host, { start: localCloud })
  const text = await printed
  const variable = (name: string) => new RegExp(`${name}=(\\S+)`).exec(text)?.[1] ?? ''
  const client = new S3Client({
    endpoint: variable('AWS_ENDPOINT_URL'),
    region: variable('AWS_REGION'),
    credentials: { accessKeyId: variable('AWS_ACCESS_KEY_ID'), secretAccessKey: variable('AWS_SECRET_ACCESS_KEY') },
    forcePathStyle: true,
    maxAttempts: 1,
  })
  await client.send(new CreateBucketCommand({ Bucket: 'mine' }))
  expect((await client.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toEqual(['mine'])
  host.signal('SIGINT')
  expect(await ended).toBe(0)
  expect(host.openHandles).toBe(0)
  client.destroy()
  const again = createServer()
  const { port } = new URL(variable('AWS_ENDPOINT_URL'))
  await new Promise<void>((resolve) => again.listen(Number(port), '127.0.0.1', resolve))
  await new Promise((resolve) => again.close(resolve))
})

test('a port in use is one sentence', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const host = new FakeHost('/')
  await expect(cloudCommand({ port }, host, { start: localCloud })).rejects.toMatchObject({ code: 'E_PORT' })
  expect(host.openHandles).toBe(0)
  await new Promise((resolve) => taken.close(resolve))
})

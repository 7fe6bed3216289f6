import {
  DeletePublicAccessBlockCommand,
  GetPublicAccessBlockCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { localCloud, type LocalCloud } from '../../../../infra/local/cloud.ts'
import { s3Client } from '../../../../shared/cloud/index.ts'
import { accessTo } from '../../../fakes/cloudAccess.ts'

let cloud: LocalCloud
let client: ReturnType<typeof s3Client>
beforeAll(async () => {
  cloud = await localCloud()
  cloud.s3.createBucket('one')
  client = s3Client(accessTo(cloud))
})
afterAll(async () => {
  client.destroy()
  await cloud.close()
})

const read = async (Bucket = 'one') =>
  (await client.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration

test('a new bucket blocks all public access; what is put is what is read; without one S3 says so', async () => {
  const all = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true }
  expect(await read()).toEqual(all)
  const PublicAccessBlockConfiguration = { ...all, BlockPublicPolicy: false }
  await client.send(new PutPublicAccessBlockCommand({ Bucket: 'one', PublicAccessBlockConfiguration }))
  expect(await read()).toEqual(PublicAccessBlockConfiguration)
  await client.send(new DeletePublicAccessBlockCommand({ Bucket: 'one' }))
  await expect(read()).rejects.toMatchObject({
    name: 'NoSuchPublicAccessBlockConfiguration',
    $metadata: { httpStatusCode: 404 },
  })
  await expect(read('other')).rejects.toMatchObject({ name: 'NoSuchBucket' })
})

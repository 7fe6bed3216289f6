import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { ServiceUnderTest } from './serviceUnderTest.ts'

const MIB = 1024 * 1024
const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } })

/** What any S3 must do, driven by the unmodified SDK with nothing set but the endpoint. */
export function s3Conformance(start: () => Promise<ServiceUnderTest>): void {
  const Bucket = `conformance-${randomUUID()}`
  let client: S3Client
  let stop: () => Promise<void>

  beforeAll(async () => {
    const service = await start()
    stop = () => service.stop()
    client = new S3Client({
      endpoint: service.endpoint,
      region: 'us-east-1',
      credentials: { ...service.credentials },
    })
    await client.send(new CreateBucketCommand({ Bucket }))
  })
  afterAll(async () => {
    client.destroy()
    await stop()
  })

  const put = (
    Key: string,
    Body: NonNullable<PutObjectCommandInput['Body']>,
    more: Partial<PutObjectCommandInput> = {},
  ) => client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
  const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
    client.send(new GetObjectCommand({ Bucket, Key, ...more }))
  const text = async (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
    (await get(Key, more)).Body?.transformToString()
  const head = (Key: string) => client.send(new HeadObjectCommand({ Bucket, Key }))
  const list = (more: Partial<ListObjectsV2CommandInput>) => client.send(new ListObjectsV2Command({ Bucket, ...more }))

  describe.concurrent('S3', () => {
    test('a bucket is made, seen, and deleted once it is empty', async () => {
      const name = `conformance-${randomUUID()}`
      await client.send(new CreateBucketCommand({ Bucket: name }))
      await client.send(new HeadBucketCommand({ Bucket: name }))
      expect((await client.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toContain(name)
      await client.send(new PutObjectCommand({ Bucket: name, Key: 'k', Body: 'x' }))
      await expect(client.send(new DeleteBucketCommand({ Bucket: name }))).rejects.toMatchObject({
        name: 'BucketNotEmpty',
      })
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: 'k' }))
      await client.send(new DeleteBucketCommand({ Bucket: name }))
      await expect(client.send(new HeadBucketCommand({ Bucket: name }))).rejects.toMatchObject(status(404))
    })

    test('a body comes back byte for byte, its ETag the quoted MD5, with type, metadata and date', async () => {
      const body = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255)
      const { ETag } = await put('body', body, { ContentType: 'application/onnx', Metadata: { version: '17' } })
      expect(ETag).toBe(`"${createHash('md5').update(body).digest('hex')}"`)
      const found = await get('body')
      expect(Buffer.compare((await found.Body?.transformToByteArray()) ?? new Uint8Array(), body)).toBe(0)
      expect(found).toMatchObject({
        ETag,
        ContentType: 'application/onnx',
        ContentLength: body.length,
        Metadata: { version: '17' },
      })
      expect(Math.abs((found.LastModified?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
      expect(await head('body')).toMatchObject({ ETag, ContentLength: body.length, Metadata: { version: '17' } })
    })

    test('an empty object, and one overwritten, are what was written last', async () => {
      await put('empty', '')
      expect(await text('empty')).toBe('')
      await put('empty', 'no more')
      expect(await text('empty')).toBe('no more')
    })

    test('what is not there is NoSuchKey for a read, 404 for a head, nothing for a delete', async () => {
      await expect(get('missing')).rejects.toMatchObject({ name: 'NoSuchKey', ...status(404) })
      await expect(head('missing')).rejects.toMatchObject(status(404))
      await client.send(new DeleteObjectCommand({ Bucket, Key: 'missing' }))
      const elsewhere = new GetObjectCommand({ Bucket: `missing-${randomUUID()}`, Key: 'k' })
      await expect(client.send(elsewhere)).rejects.toMatchObject({ name: 'NoSuchBucket' })
    })

    test.each(['a b+c', 'ü/π/🏞️', '../up', 'a//b', 'a/./b', '%2F&=?#', 'quote\'"<>'])(
      'key %j is taken as it is',
      async (Key) => {
        const key = `odd/${Key}`
        await put(key, Key)
        expect(await text(key)).toBe(Key)
        expect((await list({ Prefix: key })).Contents?.map((entry) => entry.Key)).toEqual([key])
      },
    )

    test('If-None-Match on a read gives 304 for the same ETag and the body for another', async () => {
      const { ETag } = await put('poll', 'one')
      await expect(get('poll', { IfNoneMatch: ETag })).rejects.toMatchObject(status(304))
      await put('poll', 'two')
      expect(await text('poll', { IfNoneMatch: ETag })).toBe('two')
      const same = new HeadObjectCommand({ Bucket, Key: 'poll', IfNoneMatch: (await head('poll')).ETag })
      await expect(client.send(same)).rejects.toMatchObject(status(304))
    })

    test('If-Match on a read gives the body for the same ETag and 412 for another', async () => {
      const { ETag } = await put('match', 'body')
      expect(await text('match', { IfMatch: ETag })).toBe('body')
      await expect(get('match', { IfMatch: '"0"' })).rejects.toMatchObject({
        name: 'PreconditionFailed',
        ...status(412),
      })
    })

    test('If-Modified-Since and If-Unmodified-Since hold to the second', async () => {
      await put('dates', 'body')
      const modified = (await head('dates')).LastModified ?? new Date()
      await expect(get('dates', { IfModifiedSince: modified })).rejects.toMatchObject(status(304))
      expect(await text('dates', { IfUnmodifiedSince: modified })).toBe('body')
      const before = new Date(modified.getTime() - 60_000)
      expect(await text('dates', { IfModifiedSince: before })).toBe('body')
      await expect(get('dates', { IfUnmodifiedSince: before })).rejects.toMatchObject(status(412))
    })

    test('of ten writers that race to create a key exactly one wins, and the object is its own', async () => {
      const writers = Array.from({ length: 10 }, (_, i) => put('race', `writer ${i}`, { IfNoneMatch: '*' }))
      const results = await Promise.allSettled(writers)
      const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []))
      expect(winners).toHaveLength(1)
      for (const result of results) {
        if (result.status === 'rejected') expect([409, 412]).toContain(result.reason.$metadata.httpStatusCode)
      }
      expect(await text('race')).toBe(`writer ${winners[0]}`)
    })

    test('of ten writers that race to replace one version exactly one wins', async () => {
      const { ETag } = await put('swap', 'zero')
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => put('swap', `writer ${i}`, { IfMatch: ETag })),
      )
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
    })

    test('If-Match on a write refuses another version with 412 and a missing key with 404', async () => {
      await put('cas', 'one')
      await expect(put('cas', 'two', { IfMatch: '"0"' })).rejects.toMatchObject({
        name: 'PreconditionFailed',
        ...status(412),
      })
      expect(await text('cas')).toBe('one')
      await expect(put('cas-missing', 'x', { IfMatch: '"0"' })).rejects.toMatchObject(status(404))
    })

    test.each([
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-4', '6789', 'bytes 6-9/10'],
      ['bytes=8-99', '89', 'bytes 8-9/10'],
    ])('range %s gives %s', async (Range, expected, ContentRange) => {
      await put('digits', '0123456789')
      const part = await get('digits', { Range })
      expect(part).toMatchObject({ ContentRange, ContentLength: expected.length, ...status(206) })
      expect(await part.Body?.transformToString()).toBe(expected)
    })

    test('a range behind the end is refused with 416', async () => {
      await put('short', '0123')
      await expect(get('short', { Range: 'bytes=4-' })).rejects.toMatchObject({ name: 'InvalidRange', ...status(416) })
    })

    test('a listing is in the order of UTF-8 bytes, page by page, without loss', async () => {
      const keys = ['a', 'a/1', 'b', 'é', '\uffee', '😀'].map((key) => `pages/${key}`)
      for (const key of keys.toReversed()) await put(key, 'x')
      const seen: (string | undefined)[] = []
      let ContinuationToken: string | undefined
      do {
        const page = await list({
          Prefix: 'pages/',
          MaxKeys: 2,
          ...(ContinuationToken !== undefined && { ContinuationToken }),
        })
        expect(page.KeyCount).toBeLessThanOrEqual(2)
        seen.push(...(page.Contents ?? []).map(({ Key }) => Key))
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined)
      expect(seen).toEqual(keys)
    })

    test('a delimiter rolls keys up into common prefixes, across pages too', async () => {
      for (const key of ['x', 'runs/1/a', 'runs/1/b', 'runs/2/a', 'z']) await put(`tree/${key}`, 'x')
      const all = await list({ Prefix: 'tree/', Delimiter: '/' })
      expect(all.Contents?.map(({ Key }) => Key)).toEqual(['tree/x', 'tree/z'])
      expect(all.CommonPrefixes).toEqual([{ Prefix: 'tree/runs/' }])
      const first = await list({ Prefix: 'tree/runs/', Delimiter: '/', MaxKeys: 1 })
      expect(first).toMatchObject({ CommonPrefixes: [{ Prefix: 'tree/runs/1/' }], IsTruncated: true })
      const second = await list({
        Prefix: 'tree/runs/',
        Delimiter: '/',
        ContinuationToken: first.NextContinuationToken,
      })
      expect(second).toMatchObject({ CommonPrefixes: [{ Prefix: 'tree/runs/2/' }], IsTruncated: false })
    })

    test('the listing of older clients continues at its marker', async () => {
      for (const key of ['marker/1', 'marker/2', 'marker/d/3']) await put(key, 'x')
      const page = (Marker?: string) =>
        client.send(
          new ListObjectsCommand({ Bucket, Prefix: 'marker/', Delimiter: '/', MaxKeys: 2, ...(Marker && { Marker }) }),
        )
      const first = await page()
      expect(first).toMatchObject({ IsTruncated: true, NextMarker: 'marker/2' })
      expect(first.Contents?.map(({ Key }) => Key)).toEqual(['marker/1', 'marker/2'])
      expect(await page(first.NextMarker)).toMatchObject({
        IsTruncated: false,
        CommonPrefixes: [{ Prefix: 'marker/d/' }],
      })
    })

    test('a listing starts after a key, shows size and ETag, and encodes keys when asked', async () => {
      for (const key of ['after/1', 'after/2 &', 'after/3']) await put(key, 'four')
      const { Contents } = await list({ Prefix: 'after/', StartAfter: 'after/1' })
      expect(Contents?.map(({ Key }) => Key)).toEqual(['after/2 &', 'after/3'])
      expect(Contents?.[0]).toMatchObject({ Size: 4, ETag: (await head('after/3')).ETag })
      const encoded = await list({ Prefix: 'after/', StartAfter: 'after/1', EncodingType: 'url' })
      expect(encoded.Contents?.[0]?.Key).toMatch(/^after\/2(%20|\+)%26$/)
    })

    test('a checksum is verified, kept, and given back', async () => {
      const body = '123456789' // the check values of both CRCs are published for this one
      expect((await put('sum', body, { ChecksumAlgorithm: 'CRC32C' })).ChecksumCRC32C).toBe('4waSgw==')
      const sha256 = createHash('sha256').update(body).digest('base64')
      expect((await put('sum', body, { ChecksumAlgorithm: 'SHA256' })).ChecksumSHA256).toBe(sha256)
      expect((await put('sum', body, { ChecksumAlgorithm: 'CRC32' })).ChecksumCRC32).toBe('y/Q5Jg==')
      expect((await get('sum', { ChecksumMode: 'ENABLED' })).ChecksumCRC32).toBe('y/Q5Jg==')
    })

    test('a body that does not have its checksum is refused and not stored', async () => {
      await expect(put('bad-sum', 'x', { ChecksumCRC32: 'AAAAAA==' })).rejects.toMatchObject({ ...status(400) })
      await expect(put('bad-sum', 'x', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' })).rejects.toMatchObject({
        name: 'BadDigest',
      })
      await expect(head('bad-sum')).rejects.toMatchObject(status(404))
    })

    test('a stream, which travels in chunks with a trailing checksum, is stored without its wrapping', async () => {
      const chunks = ['first ', 'x'.repeat(100_000), ' last']
      await put('stream', Readable.from(chunks), { ContentLength: chunks.join('').length })
      expect(await text('stream')).toBe(chunks.join(''))
    })

    test('an object is copied with its metadata, or with new ones', async () => {
      await put('source/ä b', 'copied', { Metadata: { a: '1' }, ContentType: 'text/x' })
      const CopySource = `${Bucket}/${encodeURIComponent('source/ä b')}`
      const copy = await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }))
      expect(copy.CopyObjectResult?.ETag).toBe((await head('source/ä b')).ETag)
      expect(await head('copy')).toMatchObject({ Metadata: { a: '1' }, ContentType: 'text/x' })
      const replace = { MetadataDirective: 'REPLACE', Metadata: { b: '2' } } as const
      await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, ...replace }))
      expect((await head('copy')).Metadata).toEqual({ b: '2' })
      const lost = new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/none` })
      await expect(client.send(lost)).rejects.toMatchObject({ name: 'NoSuchKey' })
    })

    test('many objects are deleted in one request, missing ones included', async () => {
      const keys = ['many/1', 'many/<2>&', 'many/3']
      for (const key of keys) await put(key, 'x')
      const Objects = [...keys, 'many/none'].map((Key) => ({ Key }))
      const result = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
      expect(result.Deleted?.map(({ Key }) => Key).sort()).toEqual([...keys, 'many/none'].sort())
      expect((await list({ Prefix: 'many/' })).KeyCount).toBe(0)
    })

    test('an upload in parts is one object, and conditional too', async () => {
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({ Bucket, Key: 'parts', Metadata: { a: '1' } }),
      )
      const upload = async (PartNumber: number, Body: Uint8Array) => {
        const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber, Body }))
        return { PartNumber, ETag }
      }
      const Parts = await Promise.all([
        upload(1, new Uint8Array(5 * MIB).fill(1)),
        upload(2, new Uint8Array(10).fill(2)),
      ])
      const complete = { Bucket, Key: 'parts', UploadId, MultipartUpload: { Parts } }
      const { ETag } = await client.send(new CompleteMultipartUploadCommand({ ...complete, IfNoneMatch: '*' }))
      expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/)
      expect(await head('parts')).toMatchObject({ ContentLength: 5 * MIB + 10, Metadata: { a: '1' } })
      expect(
        await (await get('parts', { Range: `bytes=${5 * MIB - 1}-${5 * MIB}` })).Body?.transformToByteArray(),
      ).toEqual(Uint8Array.of(1, 2))
      await expect(client.send(new CompleteMultipartUploadCommand(complete))).rejects.toMatchObject({
        name: 'NoSuchUpload',
      })
    })

    test('an upload that lost its key to another writer, or was aborted, leaves what is there', async () => {
      const begin = async () =>
        (await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'contested' }))).UploadId
      const part = async (UploadId: string | undefined) => {
        const command = new UploadPartCommand({ Bucket, Key: 'contested', UploadId, PartNumber: 1, Body: 'part' })
        return { Parts: [{ PartNumber: 1, ETag: (await client.send(command)).ETag }] }
      }
      const [late, aborted] = [await begin(), await begin()]
      const MultipartUpload = await part(late)
      await put('contested', 'first')
      const completing = { Bucket, Key: 'contested', UploadId: late, MultipartUpload, IfNoneMatch: '*' }
      await expect(client.send(new CompleteMultipartUploadCommand(completing))).rejects.toMatchObject(status(412))
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'contested', UploadId: aborted }))
      await expect(part(aborted)).rejects.toMatchObject({ name: 'NoSuchUpload' })
      expect(await text('contested')).toBe('first')
    })
  })
}

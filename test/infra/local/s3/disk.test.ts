import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { localCloud } from '../../../../infra/local/cloud.ts'
import { S3 } from '../../../../infra/local/s3/s3.ts'
import { DiskMirror } from '../../../../infra/local/s3/disk.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-s3-'))
})
afterAll(() => rm(folder, { recursive: true }))

function open(path: string): S3 {
  const mirror = new DiskMirror(path)
  const s3 = new S3({ mirror })
  mirror.restore(s3)
  return s3
}

const everything = (s3: S3) =>
  s3.listBuckets().map(({ name }) => ({
    name,
    objects: s3.list(name).objects.map(({ body, ...head }) => ({ ...head, body: Buffer.from(body) })),
  }))

test('whatever is written, overwritten and deleted, a new start finds what the last one had when it closed', async () => {
  const bucket = fc.constantFrom('bucket-a', 'bucket-b')
  const key = fc.oneof(
    fc.constantFrom('a', 'A', '../a', 'a/b', `${'long/'.repeat(200)}`),
    fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
  )
  const write = fc.record({ bucket, key, body: fc.option(fc.uint8Array({ maxLength: 40 }), { freq: 3 }) })
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(write, { maxLength: 12 }), { maxLength: 3 }), async (sessions) => {
      const path = join(folder, `${run++}`)
      let expected: unknown = []
      for (const writes of sessions) {
        const s3 = open(path)
        expect(everything(s3)).toEqual(expected)
        for (const { bucket: name, key: at, body } of writes) {
          if (!s3.listBuckets().some((known) => known.name === name)) s3.createBucket(name)
          if (body === null) s3.delete(name, at)
          else s3.put(name, at, body, { headers: { 'content-type': 'text/x', 'x-amz-meta-a': '1' } })
        }
        await s3.close()
        expected = everything(s3)
      }
      expect(everything(open(path))).toEqual(expected)
    }),
    { numRuns: 15 },
  )
})

test('an object that was damaged on disk, or that lies under another one’s name, is refused by name and never served', async () => {
  const path = join(folder, 'damaged')
  const before = open(path)
  before.createBucket('bucket-a')
  before.put('bucket-a', 'one', Buffer.from('some body\nwith lines'), {})
  before.put('bucket-a', 'two', Buffer.from('other'), {})
  await before.close()
  const inside = join(path, 'bucket-a')
  const [one = '', two = ''] = (await readdir(inside)).toSorted()
  const good = await readFile(join(inside, one))
  const refused = expect.objectContaining({ code: 'E_DISK', message: expect.stringContaining(one) })
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at]! ^= 1 << (at % 8)
    await writeFile(join(inside, one), bad)
    expect(() => open(path)).toThrow(refused)
  }
  for (const bad of [good.subarray(1), good.subarray(0, 20), Buffer.alloc(0), await readFile(join(inside, two))]) {
    await writeFile(join(inside, one), bad)
    expect(() => open(path)).toThrow(refused)
  }
  await rm(join(inside, one))
  expect(open(path).list('bucket-a').objects).toHaveLength(1)
})

test('a temporary file left by a crash is cleared away, and is not an object', async () => {
  const path = join(folder, 'crash')
  const before = open(path)
  before.createBucket('bucket')
  before.put('bucket', 'whole', Buffer.from('body'))
  await before.close()
  await writeFile(join(path, 'bucket', 'half.object.tmp'), '{"key":"half"')
  expect(
    open(path)
      .list('bucket')
      .objects.map(({ key }) => key),
  ).toEqual(['whole'])
  expect(await readdir(join(path, 'bucket'))).toHaveLength(1)
})

test('an object that is deleted again at once never reaches the disk', async () => {
  const path = join(folder, 'short-lived')
  const s3 = open(path)
  s3.createBucket('bucket')
  s3.put('bucket', 'batch', Buffer.from('body'))
  s3.delete('bucket', 'batch')
  await s3.close()
  expect(await readdir(join(path, 'bucket'))).toEqual([])
})

test('a folder that cannot be one is a clear error at the start', async () => {
  const path = join(folder, 'a-file')
  await writeFile(path, '')
  await expect(localCloud({ folder: path })).rejects.toMatchObject({
    code: 'E_DISK',
    message: expect.stringContaining('a-file'),
  })
})

test('a folder lost meanwhile fails writes and the close, and is said', async () => {
  const path = join(folder, 'lost')
  const s3 = open(path)
  s3.createBucket('bucket')
  await rm(path, { recursive: true })
  await writeFile(path, 'in the way')
  s3.put('bucket', 'key', Buffer.from('body'))
  await expect(s3.close()).rejects.toMatchObject({ code: 'E_DISK' })
  expect(() => s3.put('bucket', 'key', Buffer.from('body'))).toThrow(/cannot keep the emulated S3/)
})

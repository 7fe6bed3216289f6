import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  decodeBatch,
  encodeBatch,
  listRecorded,
  readRecorded,
  recordFragment,
  recordPath,
} from '../../../shared/batch/index.ts'
import { sampleFragment } from './arbitrary.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-record-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const numbered = (sequence: number, lease = 'lease-1') => {
  const batch = sampleFragment()
  return { ...batch, provenance: { ...batch.provenance, shard: 3, lease, sequence } }
}

test('a recorded fragment is a plain safetensors file that reads back as it was', async () => {
  const path = await recordFragment(folder, numbered(17))
  expect(path).toBe(join(folder, '3', 'lease-1-000000017.safetensors'))
  const { notes, ...plain } = decodeBatch(new Uint8Array(await readFile(path)))
  expect(plain).toEqual({ provenance: numbered(17).provenance, columns: numbered(17).columns })
  expect(notes).toEqual({ ...numbered(17).notes, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(await readRecorded(path)).toEqual(numbered(17))
})

test('what was recorded is listed in order, and nothing else', async () => {
  for (const sequence of [10, 9, 100]) await recordFragment(folder, numbered(sequence))
  await writeFile(join(folder, '3', 'lease-1-000000001.safetensors.partial'), 'torn')
  expect(await listRecorded(folder)).toEqual(
    [9, 10, 100].map((sequence) => join(folder, recordPath(numbered(sequence).provenance))),
  )
})

test('numbers in names count as numbers: shards, leases and sequences come in the order in which they were', async () => {
  const batch = sampleFragment()
  const places = [2, 10].flatMap((shard) =>
    ['0-2', '0-10', '1-9', 'expert'].flatMap((lease) =>
      [5, 1_000_000_000].map((sequence) => ({ shard, lease, sequence })),
    ),
  )
  const provenance = places.map((place) => ({ ...batch.provenance, ...place }))
  for (const one of provenance.toReversed()) await recordFragment(folder, { ...batch, provenance: one })
  expect(await listRecorded(folder)).toEqual(provenance.map((one) => join(folder, recordPath(one))))
})

test('a recorded file with any bit flipped, a byte less or a byte more is refused; one without a digest is refused where one is required', async () => {
  const path = await recordFragment(folder, numbered(17))
  const good = new Uint8Array(await readFile(path))
  const refused = expect.objectContaining({
    name: 'MillraceError',
    code: expect.stringMatching(/^E_BATCH_(HASH|FORMAT)$/),
  })
  for (let at = 0; at < good.length; at += 7) {
    const bad = good.slice()
    bad[at]! ^= 1 << (at % 8)
    await writeFile(path, bad)
    await expect(readRecorded(path, { digest: 'required' })).rejects.toThrow(refused)
  }
  for (const bad of [good.subarray(1), good.subarray(0, -1), new Uint8Array([...good, 0]), new Uint8Array()]) {
    await writeFile(path, bad)
    await expect(readRecorded(path, { digest: 'required' })).rejects.toThrow(refused)
  }
  await writeFile(path, encodeBatch(numbered(17)))
  await expect(readRecorded(path, { digest: 'required' })).rejects.toThrow(/carries no digest/)
  expect(await readRecorded(path)).toEqual(numbered(17))
})

test('a lease’s name never leads out of the folder', async () => {
  const path = await recordFragment(folder, numbered(0, '../../../etc/passwd'))
  expect(await readdir(join(folder, '3'))).toEqual(['..%2F..%2F..%2Fetc%2Fpasswd-000000000.safetensors'])
  expect(await readRecorded(path)).toEqual(numbered(0, '../../../etc/passwd'))
})

test('a folder that cannot be written or read, and a file that is no batch, each say so', async () => {
  const file = join(folder, 'file')
  await writeFile(file, 'not a folder')
  const disk = expect.objectContaining({ code: 'E_DISK' })
  await expect(recordFragment(file, numbered(0))).rejects.toThrow(disk)
  await expect(readRecorded(join(folder, 'absent'))).rejects.toThrow(disk)
  await expect(listRecorded(join(folder, 'absent'))).rejects.toThrow(disk)
  await expect(readRecorded(file)).rejects.toThrow(expect.objectContaining({ code: 'E_BATCH_FORMAT' }))
})

import { mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimFolder } from '../../../library/run/claim.ts'
import { nodeFiles, type FileSystem } from '../../../library/run/disk.ts'
import { thisProcess } from '../../../library/run/processMark.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const files = nodeFiles
const claim = (takeOver = false, more: { pause?: (ms: number) => Promise<unknown>; files?: FileSystem } = {}) =>
  claimFolder(folder, { takeOver, files, ...more })
const names = () => readdirSync(folder).toSorted()
/** What another process has left. */
function leave(number: number, process: Partial<ReturnType<typeof thisProcess>>): string {
  const path = join(folder, `.claim-${number}.json`)
  writeFileSync(path, JSON.stringify({ process: { ...thisProcess(), ...process }, since: '2026-11-21T09:00:00.000Z' }))
  return path
}
const GONE = { pid: 2 ** 22 + 1 } // above the largest number a process can have

describe('a folder belongs to one run at a time', () => {
  test('of many that claim it at once one gets it; when it is released another can', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => claim()))
    const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(won).toHaveLength(1)
    for (const one of tries)
      if (one.status === 'rejected')
        expect(one.reason).toMatchObject({
          code: 'E_RUN_FOLDER',
          message: expect.stringMatching(/another run is at work in/),
        })
    expect(names()).toEqual(['.claim-1.json'])
    await won[0]?.release()
    expect(names()).toEqual([])
    await claim()
  })

  test('the refusal names who has it, and what can be done', async () => {
    await claim()
    const here = `process ${process.pid} on ${hostname()}, since`
    for (const takeOver of [false, true])
      await expect(claim(takeOver)).rejects.toMatchObject({ message: expect.stringContaining(here) })
    rmSync(join(folder, '.claim-1.json'))
    leave(1, GONE)
    await expect(claim()).rejects.toMatchObject({ message: expect.stringMatching(/interrupted .*--resume/) })
  })

  test('a file system without links, and one that is full', async () => {
    const noLinks = Object.assign({}, files, {
      link: () => Promise.reject(Object.assign(new Error('no links'), { code: 'ENOTSUP' })),
    })
    const held = await claim(false, { files: noLinks })
    await expect(claim(false, { files: noLinks })).rejects.toMatchObject({ code: 'E_RUN_FOLDER' })
    await held.release()
    const full = Object.assign({}, files, {
      open: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
    })
    await expect(claim(false, { files: full })).rejects.toMatchObject({ code: 'E_DISK' })
    expect(names()).toEqual([])
  })
})

describe('the claim of a process that is gone', () => {
  test('is taken over, by one of those who try it at once', async () => {
    leave(3, GONE)
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => claim(true)))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(names()).toEqual(['.claim-4.json'])
  })

  test('is told from that of a later process with its number', async () => {
    leave(1, { began: 'at another time' })
    await claim(true)
    expect(names()).toEqual(['.claim-2.json'])
  })

  test('of another machine counts until it is not renewed for half a minute, and whoever lost it is told', async () => {
    const path = leave(1, { host: 'elsewhere' })
    const renewed = async () => utimesSync(path, new Date(), new Date(Date.now() + 5))
    await expect(claim(true, { pause: renewed })).rejects.toMatchObject({
      message: expect.stringContaining('on elsewhere'),
    })
    let waited = 0
    const held = await claim(true, { pause: async (ms) => void (waited += ms) })
    expect(waited).toBeGreaterThan(20_000)
    expect(waited).toBeLessThanOrEqual(30_500)
    await held.renew()
    rmSync(join(folder, '.claim-2.json'))
    await expect(held.renew()).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringContaining('taken over'),
    })
  })

  test('is lost with its folder, and the sentence says that it was removed', async () => {
    const held = await claim()
    const moved = `${folder}-moved`
    renameSync(folder, moved)
    const renewal = await held.renew().catch((error: unknown) => error)
    renameSync(moved, folder)
    expect(renewal).toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringContaining('was removed while its run was at work'),
    })
  })

  test('that cannot be read is watched like one of another machine', async () => {
    writeFileSync(join(folder, '.claim-1.json'), '{"proc')
    await expect(claim()).rejects.toMatchObject({ code: 'E_RUN_FOLDER' })
    await claim(true, { pause: async () => undefined })
    expect(names()).toEqual(['.claim-2.json'])
  })
})

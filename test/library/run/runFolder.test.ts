import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeWhole } from '../../../library/run/disk.ts'
import { openMetricsLog } from '../../../library/run/metricsLog.ts'
import { createFreshRunFolder, createRunFolder, runName } from '../../../library/run/runFolder.ts'
import type { MillraceError } from '../../../shared/errors.ts'
import { failingFiles } from '../../cli/failingFiles.ts'
import { FakeHost } from '../../cli/fakeHost.ts'
import { updateLine } from '../../cli/runs.ts'

let base: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(base, { recursive: true }))

describe('the run folder', () => {
  test('is made with the folders above it, and discarded with them', async () => {
    const folder = await createRunFolder(join(base, 'runs', 'a'))
    await folder.writeJson('config.json', { a: 1 })
    expect(JSON.parse(readFileSync(folder.file('config.json'), 'utf8'))).toEqual({ a: 1 })
    await folder.discard()
    expect(readdirSync(base)).toEqual([])
  })

  test('discarding leaves what was there before', async () => {
    mkdirSync(join(base, 'runs', 'other'), { recursive: true })
    await (await createRunFolder(join(base, 'runs', 'a'))).discard()
    expect(readdirSync(join(base, 'runs'))).toEqual(['other'])
    mkdirSync(join(base, 'empty'))
    const empty = await createRunFolder(join(base, 'empty'))
    await empty.write('x', 'y')
    await empty.discard()
    expect(readdirSync(join(base, 'empty'))).toEqual([])
  })

  test('a folder with files in it is refused and left as it is', async () => {
    mkdirSync(join(base, 'full'))
    writeFileSync(join(base, 'full', 'mine.txt'), 'mine')
    await expect(createRunFolder(join(base, 'full'))).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: `the run folder ${join(base, 'full')} is not empty; name another one with --out`,
    })
    expect(readdirSync(join(base, 'full'))).toEqual(['mine.txt'])
  })

  test('a path under a regular file, or of one, fails in one sentence', async () => {
    writeFileSync(join(base, 'file'), '')
    await expect(createRunFolder(join(base, 'file', 'a'))).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: `cannot make ${join(base, 'file', 'a')}: a part of the path is a file, not a folder`,
    })
    await expect(createRunFolder(join(base, 'file'))).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: `cannot make the folder ${join(base, 'file')}: there is a file of that name`,
    })
  })

  test('two runs of one second get folders of their own', async () => {
    const runs = join(base, 'runs')
    const folders = await Promise.all([1, 2, 3].map(() => createFreshRunFolder(runs, 'a')))
    expect(folders.map(({ path }) => path).toSorted()).toEqual([join(runs, 'a'), join(runs, 'a-2'), join(runs, 'a-3')])
    for (const folder of folders) await folder.discard()
    rmSync(runs, { recursive: true, force: true }) // left behind when its maker went while others were there
    writeFileSync(runs, '')
    await expect(createFreshRunFolder(runs, 'a')).rejects.toMatchObject({ code: 'E_RUN_FOLDER' })
  })

  test('a run is named by experiment, moment and seed, whatever the file is called', () => {
    const at = Date.UTC(2026, 10, 21, 9, 5, 7)
    expect(runName('cartpole', at, 3)).toBe('cartpole-20261121-090507-3')
    expect(runName('../my run é', at, 3)).toBe('my-run-20261121-090507-3')
    expect(runName('环境', at, 0)).toBe('run-20261121-090507-0')
  })
})

describe('a file is whole or not there', () => {
  test('whichever call fails', async () => {
    const path = join(base, 'policy.onnx')
    const whole = failingFiles()
    await writeWhole(path, 'new content', whole)
    for (let failAt = 0; failAt < whole.calls.length; failAt++) {
      rmSync(path, { force: true })
      for (const before of [undefined, 'old content']) {
        if (before !== undefined) writeFileSync(path, before)
        await expect(writeWhole(path, 'new content', failingFiles(failAt))).rejects.toMatchObject({
          code: 'E_DISK',
          message: `cannot write ${path}: the disk is full`,
        })
        expect(readdirSync(base)).toEqual(before === undefined ? [] : ['policy.onnx'])
        if (before !== undefined) expect(readFileSync(path, 'utf8')).toBe(before)
      }
    }
  })
})

describe('the metrics log', () => {
  const lines = (path: string) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { updates: number })

  test('holds every line after it is closed, in order, and leaves no timer', async () => {
    const host = new FakeHost(base)
    const path = join(base, 'metrics.jsonl')
    const log = await openMetricsLog(path, { every: host.every, onError: (error) => expect.unreachable(error.message) })
    for (let n = 0; n < 1000; n++) {
      log.add(updateLine(n))
      if (n % 300 === 0) host.advance(250)
    }
    await log.close()
    expect(lines(path).map((line) => line.updates)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
    expect(host.openHandles).toBe(0)
  })

  test('writes in batches: at most one write a timer tick or 64 KB', async () => {
    const host = new FakeHost(base)
    const files = failingFiles()
    const log = await openMetricsLog(join(base, 'metrics.jsonl'), { every: host.every, onError: () => {}, files })
    for (let n = 0; n < 200; n++) log.add(updateLine(n))
    expect(files.calls).toEqual(['open'])
    host.advance(250)
    host.advance(250)
    await log.close()
    expect(files.calls).toEqual(['open', 'appendFile', 'sync'])
  })

  test('a disk that fills up in the middle of a write leaves whole lines, and the error comes once and at the end', async () => {
    const host = new FakeHost(base)
    const path = join(base, 'metrics.jsonl')
    const errors: MillraceError[] = []
    const onError = (error: MillraceError) => void errors.push(error)
    const log = await openMetricsLog(path, { every: host.every, onError, files: failingFiles(2) })
    for (const n of [0, 10, 20]) {
      for (let i = 0; i < 10; i++) log.add(updateLine(n + i))
      host.advance(250)
    }
    await expect(log.close()).rejects.toMatchObject({
      code: 'E_DISK',
      message: `cannot write ${path}: the disk is full`,
    })
    expect(errors).toHaveLength(1)
    expect(lines(path).map((line) => line.updates)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('does not write over a log that is there', async () => {
    const path = join(base, 'metrics.jsonl')
    writeFileSync(path, 'mine\n')
    await expect(openMetricsLog(path, { every: new FakeHost(base).every, onError: () => {} })).rejects.toMatchObject({
      code: 'E_DISK',
    })
    expect(readFileSync(path, 'utf8')).toBe('mine\n')
    expect(existsSync(path)).toBe(true)
  })
})

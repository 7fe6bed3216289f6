import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeFiles } from '../../../library/run/disk.ts'
import { LinesLog } from '../../../library/run/linesLog.ts'
import { openRunLogs } from '../../../library/run/runLogs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-logs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const options = { files: nodeFiles, every: () => () => undefined, onError: () => expect.fail() }
const file = (name: string) => join(folder, name)

test('every event and every line of output is there whole, marked; a log without a line is not made', async () => {
  const logs = openRunLogs({ file }, { ...options, now: () => Date.UTC(2026, 10, 30) })
  logs.observer.onOutput({ shard: 3, stream: 'stderr', text: '\x1b[31mred' })
  logs.observer.onOutput({ shard: undefined, stream: 'stdout', text: '' })
  expect(logs.outputLines).toBe(2)
  await logs.close()
  expect(readdirSync(folder)).toEqual(['output.log'])
  expect(readFileSync(file('output.log'), 'utf8')).toBe('shard 3 stderr | \x1b[31mred\nshard - stdout | \n')
  const more = openRunLogs({ file }, { ...options, now: () => Date.UTC(2026, 10, 30) })
  for (let n = 0; n < 3; n++) more.observer.onEveryEvent({ level: 'warn', text: `lease ${n} failed:\nno wheel` })
  await more.close()
  expect(readFileSync(file('events.log'), 'utf8')).toBe(
    [0, 1, 2].map((n) => `2026-11-30T00:00:00.000Z warning: lease ${n} failed: no wheel\n`).join(''),
  )
})

test('a disk that is slower than the lines come costs no memory, and the log says how many are missing', async () => {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  const files = {
    ...nodeFiles,
    open: (async (...args) => (await opened, await nodeFiles.open(...args))) as typeof nodeFiles.open,
  }
  const log = new LinesLog(file('slow.log'), { ...options, files })
  const line = 'x'.repeat(1_023)
  for (let n = 0; n < 40_000; n++) log.add(line)
  open()
  await log.close()
  const lines = readFileSync(file('slow.log'), 'utf8').trimEnd().split('\n')
  const missing = Number(/^… (\d+) lines came faster than they could be written$/.exec(lines.pop()!)?.[1])
  expect(lines.length + missing).toBe(40_000)
  expect(lines.length).toBeLessThan(17_000)
})

test('a disk that is full is told once, and costs no memory either', async () => {
  const errors: unknown[] = []
  const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  const files = { ...nodeFiles, open: () => Promise.reject(full) }
  const log = new LinesLog(file('full.log'), { ...options, files, onError: (error) => errors.push(error) })
  for (let n = 0; n < 10_000; n++) log.add('x'.repeat(100))
  await log.close()
  log.add('more')
  expect(errors).toEqual([
    expect.objectContaining({ code: 'E_DISK', message: expect.stringContaining('the disk is full') }),
  ])
})

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { expect, test, vi } from 'vitest'
import { buildBootstrap, handlerFile, isRunning } from './support.ts'

test('no environment outlives the process that started it, not even one in a busy loop after a SIGKILL', async () => {
  const bootstrap = buildBootstrap()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-orphans-'))
  const program = join(folder, 'parent.mjs')
  const entry = join(import.meta.dirname, 'orphanParent.ts')
  buildSync({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20' })
  const parent = spawn(process.execPath, [program, bootstrap.file, handlerFile('probe')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const line = await new Promise<string>((resolve) =>
    parent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  )
  const [busy = 0, idle = 0] = line.trim().split(' ').map(Number)
  expect([busy, idle].map(isRunning)).toEqual([true, true])

  parent.kill('SIGKILL')
  await vi.waitFor(() => expect([busy, idle].map(isRunning)).toEqual([false, false]), { timeout: 15_000, interval: 10 })
  bootstrap.remove()
  rmSync(folder, { recursive: true, force: true })
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-exit-'))
afterAll(() => rmSync(folder, { recursive: true }))

function ended(handler: string, limitMs: number) {
  const outfile = join(folder, 'program.mjs')
  const contents = `import { limitExit } from './cli/exitLimit.ts'
    process.on('exit', () => { ${handler} })
    limitExit(${limitMs})
    process.exit(3)`
  const stdin = { contents, resolveDir: packageRoot() }
  buildSync({ stdin, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' })
  return spawnSync(process.execPath, [outfile], { encoding: 'utf8', timeout: 15_000 })
}

test('an exit handler that loops is ended, and it is said; one that ends has its time, and the status is as it was', () => {
  expect(ended('for (;;);', 100)).toMatchObject({
    signal: 'SIGKILL',
    stderr: expect.stringContaining('has run for 0.1 s'),
  })
  expect(ended("console.log('goodbye')", 15_000)).toMatchObject({ status: 3, stdout: 'goodbye\n', stderr: '' })
})

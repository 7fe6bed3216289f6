import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
// @ts-expect-error a script, without types
import { ensurePlatform } from '../../scripts/sst-platform.mjs'

const root = packageRoot()

function tsc(project: string): Promise<{ readonly ok: boolean; readonly said: string }> {
  const args = [join(root, 'node_modules/typescript/bin/tsc'), '-p', project]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout, stderr) =>
      resolve({ ok: error === null, said: `${stdout}${stderr}` }),
    )
  })
}

test("sst.config.ts and infra/sst fit SST's own types", async () => {
  await ensurePlatform(root)
  expect(await tsc(join(root, 'tsconfig.sst.json'))).toEqual({ ok: true, said: '' })
})

test('a time-out with a typing error does not, nor a resource with a field that AWS does not have', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-types-'))
  try {
    await writeFile(
      join(folder, 'wrong.ts'),
      `/// <reference path="${root}/.sst/platform/config.d.ts" />
       new sst.aws.Function('F', { handler: 'f.handler', timeout: '15 minuts' })
       new aws.sqs.Queue('Q', { maxMessageSise: 1 })
       export {}`,
    )
    const config = {
      extends: join(root, 'tsconfig.sst.json'),
      compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
      include: ['wrong.ts'],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { ok, said } = await tsc(folder)
    expect(ok).toBe(false)
    expect(said).toMatch(/wrong\.ts\(2,\d+\): error TS2322.*"15 minuts"/)
    expect(said).toMatch(/wrong\.ts\(3,\d+\): error TS2561.*maxMessageSise/)
    expect(said.match(/error TS/g)).toHaveLength(2)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

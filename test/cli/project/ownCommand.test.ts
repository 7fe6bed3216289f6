import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownCommand } from '../../../cli/project/ownCommand.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-own-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['by npx', { npm_command: 'exec' }, '/cache/millrace', 'npx millrace'],
  ['as a command of the machine', {}, '/usr/local/bin/millrace', 'millrace'],
  ['as a file', {}, '/my tools/main.js', "node '/my tools/main.js'"],
])('outside a project, a command that was started %s is started so again', async (_, env, started, expected) => {
  expect(await ownCommand({ cwd: folder, env }, started)).toBe(expected)
})

test('where it is installed, npx finds it', async () => {
  const installed = join(folder, 'node_modules/millrace')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(installed, 'package.json'), '{"name":"millrace","version":"1.0.0"}')
  expect(await ownCommand({ cwd: folder, env: {} }, '/elsewhere/main.js')).toBe('npx millrace')
})

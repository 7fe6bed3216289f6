import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

// `millrace init` as a user meets it: the packed package makes a project in an empty folder, and the commands of its README work.
// Needs dist/ as `npm run build` makes it, and the npm registry (or what npm has kept of it).

const root = packageRoot()
const folder = mkdtempSync(join(tmpdir(), 'millrace-init-'))
const project = join(folder, 'my-experiment')
const run = (command: string, args: string[], cwd: string): string => {
  const env = { ...process.env, NO_COLOR: '1', CI: '1' }
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env })
  if (status === 0) return stdout
  throw new Error(`${command} ${args.join(' ')} ended with status ${status}\n${stdout}\n${stderr}`)
}

beforeAll(() => {
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'there is no tarball'
  run('tar', ['-xzf', tarball], folder)
  const command = join(folder, 'package/dist/cli/main.js')
  run('node', [command, 'init', 'my-experiment', '--millrace', `file:../${tarball}`], folder)
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the two commands of its README train it to its goal and pass its tests, and its types are right', () => {
  const commands = readmeCommands()
  expect(commands.slice(0, 3)).toEqual(['npm install', 'npm run train', 'npm test'])
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], project)
  expect(run('npm', ['run', 'train'], project)).toMatch(/Reached a mean return of [\d.]+; the goal was 8\.5/)
  expect(run('npm', ['test'], project)).toMatch(/Tests +4 passed \(4\)/)
  run('npm', ['run', 'typecheck'], project)
}, 180_000)

test('it has what deploying needs: its own millrace and SST, and settings that load', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
    devDependencies: Record<string, string>
  }
  expect(run('npx', ['--no-install', 'millrace', '--version'], project).trim()).toBe(manifest.version)
  expect(existsSync(join(project, 'node_modules/millrace/dist/functions/rollout.mjs'))).toBe(true)
  const sst = JSON.parse(readFileSync(join(project, 'node_modules/sst/package.json'), 'utf8')) as { version: string }
  expect(sst.version).toBe(manifest.devDependencies['sst'])
})

test('a project that it makes in its turn depends on the same tarball', () => {
  run('npx', ['--no-install', 'millrace', 'init', '../another'], project)
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'another/package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  expect(dependencies['millrace']).toMatch(/^file:\.\.\/millrace-[\d.]+\.tgz$/)
})

function readmeCommands(): string[] {
  const readme = readFileSync(join(project, 'README.md'), 'utf8')
  return readme.split('\n').flatMap((line) => (line.startsWith('    ') ? [line.trim()] : []))
}

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn } from './installed.ts'

// `millrace init` as a user meets it: npx runs the packed package in an empty folder, and the commands of the new project's README work.
// npm runs install scripts here, and the network may have nothing but the npm registry: no script may ask for more.

const root = packageRoot()
const folder = mkdtempSync(join(tmpdir(), 'millrace-init-'))
const project = join(folder, 'my-experiment')
const run = (command: string, args: string[], cwd: string) =>
  runIn(command, args, cwd, { npm_config_cache: inject('npxCache') })

beforeAll(() => {
  const said = run('npx', ['-y', '-p', inject('tarball'), 'millrace', 'init', 'my-experiment'], folder)
  expect(said).toContain('made my-experiment: ')
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000)

test('the two commands of its README train it to its goal and pass its tests, and its types are right', () => {
  const commands = readmeCommands()
  expect(commands.slice(0, 4)).toEqual(['npm install', 'npm run train', 'npm test', 'npm run typecheck'])
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
  expect(basename(dependencies['millrace'] ?? '')).toBe(basename(inject('tarball')))
})

function readmeCommands(): string[] {
  const readme = readFileSync(join(project, 'README.md'), 'utf8')
  return readme.split('\n').flatMap((line) => (line.startsWith('    ') ? [line.trim()] : []))
}

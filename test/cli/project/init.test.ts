import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { initCommand, projectName, type InitOptions } from '../../../cli/commands/init.ts'
import { loadExperiment } from '../../../library/load/loadExperiment.ts'
import { loadSettings } from '../../../cli/loadSettings.ts'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { StageSettings } from '../../../infra/aws/settings.ts'
import { FakeHost } from '../fakeHost.ts'

const root = packageRoot()
const entries = new Map([
  ['millrace', join(root, 'index.ts')],
  ['millrace/env', join(root, 'shared/env/index.ts')],
  ['millrace/settings', join(root, 'infra/aws/settings.ts')],
])
let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

async function init(options: InitOptions, env: Record<string, string> = {}): Promise<string> {
  const host = new FakeHost(cwd, { env })
  expect(await initCommand(options, host)).toBe(0)
  return host.out.text
}
const manifest = (folder: string) =>
  JSON.parse(readFileSync(join(cwd, folder, 'package.json'), 'utf8')) as {
    name: string
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }

describe('millrace init', () => {
  test('makes a project whose experiment and settings load, named after its folder, in the region of the environment', async () => {
    const out = await init({ folder: 'Dock It' }, { AWS_REGION: 'eu-central-1' })
    expect(out).toContain("  cd 'Dock It'\n  npm install\n  npm run train")
    const folder = join(cwd, 'Dock It')
    expect(readdirSync(folder).sort()).toEqual([
      '.gitignore',
      '.npmrc',
      'README.md',
      'envs',
      'experiment.ts',
      'millrace.settings.ts',
      'package.json',
      'sst.config.ts',
      'test',
      'tsconfig.json',
    ])
    expect(await loadSettings(folder, { entries })).toEqual(
      StageSettings.parse({ app: 'dock-it', region: 'eu-central-1', functions: { concurrency: 10 } }),
    )
    const { experiment, ownEnv } = await loadExperiment('experiment.ts', { cwd: folder, entries })
    expect({ ownEnv, shards: experiment.rollouts.shards }).toEqual({ ownEnv: true, shards: 2 })
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toMatch(/^# dock-it\n/)
  })

  test('its tools have the exact versions that Millrace itself was tested with', async () => {
    await init({ folder: 'project' })
    const { devDependencies } = manifest('project')
    const ours: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(Object.keys(devDependencies)).toEqual(['@types/node', 'sst', 'typescript', 'vitest'])
    expect(ours).toMatchObject({ devDependencies })
  })

  test('depends on this very checkout, or on what --millrace says', async () => {
    await init({ folder: 'project' })
    expect(manifest('project').dependencies['millrace']).toMatch(/^file:/)
    await init({ folder: 'other', millrace: '1.2.3' })
    expect(manifest('other').dependencies).toEqual({ millrace: '1.2.3' })
  })

  test('fills an empty folder and one that holds only a repository, and refuses one with files', async () => {
    mkdirSync(join(cwd, 'fresh/.git'), { recursive: true })
    await init({ folder: 'fresh' })
    mkdirSync(join(cwd, 'full'))
    writeFileSync(join(cwd, 'full/notes.txt'), '')
    writeFileSync(join(cwd, 'file'), '')
    await expect(initCommand({ folder: 'full' }, new FakeHost(cwd))).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'full is not empty (it holds notes.txt); name a new folder',
    })
    expect(readdirSync(join(cwd, 'full'))).toEqual(['notes.txt'])
    await expect(initCommand({ folder: 'file' }, new FakeHost(cwd))).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'file is a file, not a folder; name a new folder',
    })
  })

  test.each([
    ['my-experiment', 'my-experiment'],
    ['My Experiment_2', 'my-experiment-2'],
    ['42', 'train'],
    ['2d-maze', 'd-maze'],
    ['ab', 'train-ab'],
    ['a-name-that-is-much-too-long', 'a-name-that-is-much-too'],
  ])('the folder %s makes the name %s, which settings take', (folder, name) => {
    expect(projectName(folder)).toBe(name)
    expect(StageSettings.shape.app.safeParse(name).success).toBe(true)
  })
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findProject, loadSettings } from '../../../cli/loadSettings.ts'
import { packageRoot } from '../../../infra/local/packageRoot.ts'

const entries = new Map([['millrace/settings', join(packageRoot(), 'infra/aws/settings.ts')]])
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (text: string) => writeFileSync(join(folder, 'millrace.settings.ts'), text)
const load = () => loadSettings(folder, { entries })

describe('loadSettings', () => {
  test('fills in every default, from a folder below as well', async () => {
    write(`import { settings } from 'millrace/settings'
      export default settings({ app: 'my-app', region: 'eu-west-1', functions: { concurrency: 7 } as const })`)
    const below = join(folder, 'envs/deep')
    mkdirSync(below, { recursive: true })
    expect(findProject(below)).toBe(folder)
    expect(await loadSettings(below, { entries })).toMatchObject({
      app: 'my-app',
      region: 'eu-west-1',
      functions: { concurrency: 7, architecture: 'arm64', memoryMb: 1769 },
      learner: { kind: 'anywhere', idleMinutes: 1440 },
      heartbeatSeconds: 15,
    })
  })

  test('checks a plain object as well', async () => {
    write(`export default { app: 'plain', region: 'us-east-1' }`)
    expect((await load()).functions.concurrency).toBe(50)
  })

  test.each([
    [
      'a typo names the nearest setting',
      `export default { app: 'abc', regio: 'eu-west-1' }`,
      /did you mean 'region'\?/,
    ],
    [
      'a wrong value names its field',
      `export default { app: 'A', region: 'eu-west-1' }`,
      /app: expected 3 to 24 small/,
    ],
    ['a syntax error has its place', `export default {`, /millrace\.settings\.ts:1:17: /],
    [
      'what it throws has its place',
      `\nthrow new Error('no money')`,
      /settings\.ts:2:7 threw while loading: Error: no money/,
    ],
    ['a missing default export', `export const settings = {}`, /has no default export that is an object/],
  ])('%s', async (_, text, sentence) => {
    write(text)
    await expect(load()).rejects.toMatchObject({
      code: 'E_SETTINGS',
      message: expect.stringMatching(sentence) as string,
    })
  })

  test('a folder that belongs to no project says how to make one', async () => {
    await expect(load()).rejects.toMatchObject({
      code: 'E_SETTINGS',
      message: expect.stringContaining('millrace init <folder> makes a project') as string,
    })
  })
})

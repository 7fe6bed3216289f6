import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stageApp } from '../../../cli/stage/stageApp.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-app-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const VARIABLES = { MILLRACE_APP: 'rivers', AWS_REGION: 'eu-west-1' }

test('outside a project, MILLRACE_APP and AWS_REGION name the stage’s app; without them, it is said what is missing', async () => {
  expect(await stageApp(folder, VARIABLES)).toEqual({ app: 'rivers', region: 'eu-west-1' })
  await expect(stageApp(folder, { MILLRACE_APP: 'rivers' })).rejects.toMatchObject({
    code: 'E_SETTINGS',
    message: expect.stringContaining('AWS_REGION'),
  })
  await expect(stageApp(folder, {})).rejects.toMatchObject({ code: 'E_SETTINGS' })
})

test('in a project it is the project’s, unless MILLRACE_APP names another', async () => {
  writeFileSync(join(folder, 'millrace.settings.ts'), `export default { app: 'lakes', region: 'us-east-1' }\n`)
  expect(await stageApp(folder, { AWS_REGION: 'eu-west-1' })).toMatchObject({ app: 'lakes', region: 'us-east-1' })
  expect(await stageApp(folder, VARIABLES)).toEqual({ app: 'rivers', region: 'eu-west-1' })
})

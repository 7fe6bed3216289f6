import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { settings } from '../../infra/aws/settings.ts'
import { stageCloud } from '../../infra/clouds/provision.ts'
import { startCommand } from './processes.ts'
import { variablesFor } from '../fakes/cloudAccess.ts'

// The doctor in a process of its own, at a stage of the emulated cloud whose functions and learner are real processes.

type Cloud = Awaited<ReturnType<typeof stageCloud>>
let cloud: Cloud
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
  writeFileSync(join(folder, 'millrace.settings.ts'), `export default { app: 'ward', region: 'us-east-1' }\n`)
  cloud = await stageCloud({ settings: settings({ app: 'ward', region: 'us-east-1' }) })
})
afterEach(async () => {
  await cloud.close()
  rmSync(folder, { recursive: true })
})

interface Report {
  readonly ok: boolean
  readonly costUsd: number
  readonly left: readonly string[]
  readonly items: readonly { readonly name: string; readonly result: string; readonly saw: string }[]
}

async function examine(): Promise<{ code: number | null; report: Report }> {
  const variables = variablesFor(cloud)
  const doctor = startCommand(['doctor', '--stage', 'demo', '--json'], { cwd: folder, variables })
  const code = await doctor.ended
  expect(doctor.err()).toBe('')
  return { code, report: JSON.parse(doctor.out()) as Report }
}

const objects = () => cloud.s3.list(cloud.provisioned.description.bucket, { prefix: '', maxKeys: 100 }).objects

test('every item passes at a stage as it is deployed, learner and all, and nothing is left behind', async () => {
  const { code, report } = await examine()
  expect(report.items.filter(({ result }) => result !== 'passed')).toEqual([])
  expect({ code, ok: report.ok, items: report.items.length, left: report.left }).toEqual({
    code: 0,
    ok: true,
    items: 17,
    left: [],
  })
  expect(objects().map(({ key }) => key)).toEqual([])
  expect(cloud.provisioned.group?.desired).toBe(0)
})

test('a right that is lacking fails the items that need it, by its name, and no other', async () => {
  cloud.control.account.denied.add('scheduler:UpdateSchedule')
  const { code, report } = await examine()
  expect(code).toBe(1)
  const failed = report.items.filter(({ result }) => result === 'failed')
  expect(failed.map(({ name }) => name)).toEqual(['dead-man: schedules', 'learner: a run'])
  for (const { saw } of failed) expect(saw).toContain('the credentials lack scheduler:UpdateSchedule')
  expect(report.left).toEqual([])
  expect(objects().map(({ key }) => key)).toEqual([])
})

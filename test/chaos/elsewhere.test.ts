// A run whose services are in another process, each alone and all of them. Needs dist/.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ElsewhereCloud, elsewhereCloud } from './elsewhereCloud.ts'
import { runCommand } from './processes.ts'

let cwd: string
let cloud: ElsewhereCloud
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))
  cloud = await elsewhereCloud(cwd)
})
afterAll(async () => {
  await cloud.close()
  rmSync(cwd, { recursive: true, force: true })
})

test.each<[string, readonly ('S3' | 'SQS' | 'LAMBDA')[] | undefined, string]>([
  ['S3', ['S3'], 'S3'],
  ['SQS', ['SQS'], 'SQS'],
  ['LAMBDA', ['LAMBDA'], 'LAMBDA'],
  ['S3 and LAMBDA', ['S3', 'LAMBDA'], 'S3, LAMBDA'],
  ['every service', undefined, 'S3, SQS, LAMBDA'],
])('a run with %s elsewhere reaches its step count', async (name, services, shown) => {
  const out = name.replaceAll(' ', '-')
  const args = ['train', 'cartpole', '--set', 'stop.envSteps=20000', '--out', out]
  const ended = await runCommand(args, { cwd, variables: cloud.variables(services) })
  expect(ended).toMatchObject({ code: 2, err: '' }) // 20,000 env steps are not enough for 475
  expect(ended.out).toContain(`emulated cloud, with ${shown} elsewhere`)
  expect(JSON.parse(readFileSync(join(cwd, out, 'summary.json'), 'utf8'))).toMatchObject({ reason: 'envSteps' })
  expect(readdirSync(join(cwd, out))).toContain('policy.onnx')
})

// A run whose services are in another process, each alone and all of them. Needs dist/.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GetQueueAttributesCommand, ListQueuesCommand } from '@aws-sdk/client-sqs'
import { sqsClient } from '../../shared/cloud/index.ts'
import { accessTo } from '../fakes/cloudAccess.ts'
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

test('two runs on one cloud do not see each other: both reach their step count, and nothing is left or rejected', async () => {
  const run = async (out: string) => {
    const args = ['train', 'cartpole', '--set', 'stop.envSteps=20000', '--out', out]
    const ended = await runCommand(args, { cwd, variables: cloud.variables() })
    expect(ended).toMatchObject({ code: 2, err: '' })
    return JSON.parse(readFileSync(join(cwd, out, 'summary.json'), 'utf8')) as Summary
  }
  for (const { reason, progress } of await Promise.all([run('one'), run('two')])) {
    expect(reason).toBe('envSteps')
    expect(progress.dropped).toMatchObject({ foreign: 0, corrupt: 0, duplicate: 0 })
  }
  const sqs = sqsClient(accessTo(cloud))
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}))
  expect(QueueUrls.map((url) => url.slice(url.lastIndexOf('/') + 1))).toEqual([
    'millrace-batches',
    'millrace-dead-letters',
  ])
  for (const QueueUrl of QueueUrls) {
    const AttributeNames = ['ApproximateNumberOfMessages'] as const
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
    )
    expect(Attributes).toEqual({ ApproximateNumberOfMessages: '0' })
  }
  sqs.destroy()
})

interface Summary {
  readonly reason: string
  readonly progress: { readonly dropped: Readonly<Record<string, number>> }
}

// The learner's process is killed with SIGKILL: it cannot clean up, and yet nothing of it may go on. Needs dist/.
import {
  DeleteMessageBatchCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { build } from 'esbuild'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { names } from '../../infra/clouds/names.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { sqsClient } from '../../shared/cloud/index.ts'
import type { LeaseReport } from '../../shared/protocol/lease.ts'
import { parseMessage } from '../../shared/protocol/message.ts'
import { elsewhereCloud } from './elsewhereCloud.ts'
import { freshFolder } from './folders.ts'
import { functionsOf, startCommand, startNode, stillRunning, until } from './processes.ts'
import { accessTo } from '../fakes/cloudAccess.ts'

const folder = freshFolder()
const ENDLESS = ['--set', 'stop.meanReturn=1000', '--set', 'stop.envSteps=100000000']

test('no function survives a learner that was killed on its own emulated cloud', async () => {
  const run = startCommand(['train', 'cartpole', ...ENDLESS], { cwd: folder() })
  await until('the run is under way', () => /updates [1-9]/.test(run.out()))
  const functions = functionsOf(run.pid)
  expect(functions).toHaveLength(2)
  run.child.kill('SIGKILL')
  await run.ended
  await until('every function is gone', () => stillRunning(functions).length === 0, 5_000)
})

test('functions elsewhere stop by themselves within the heartbeat of a learner that was killed', async () => {
  const cloud = await elsewhereCloud(folder())
  const sqs = sqsClient(accessTo(cloud))
  try {
    const run = startNode([await bundledLearner()], { cwd: folder(), variables: cloud.variables() })
    await until('the run is under way', () => /update 20\n/.test(run.out()))
    const functions = functionsOf(cloud.running.pid)
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: `${names.queue}-run-` }))
    const [queueUrl = ''] = QueueUrls
    expect(functions).toHaveLength(2)
    run.child.kill('SIGKILL')
    const killedAt = Date.now()
    await run.ended
    const reports: LeaseReport[] = []
    await until('both functions say goodbye', async () => {
      for (const { Body = '' } of await take(sqs, queueUrl)) {
        const message = parseMessage(Body)
        if (message.kind === 'leaseEnd') reports.push(message.report)
      }
      return reports.length === 2
    })
    expect(reports.map(({ end }) => end)).toEqual(['heartbeat', 'heartbeat'])
    // The heartbeat is 3 s; what a function has in hand when it runs out it finishes.
    expect(Date.now() - killedAt).toBeLessThan(3_000 + 2_000)
  } finally {
    sqs.destroy()
    await cloud.close()
  }
})

/** The program beside this file as plain JavaScript, within the package so that it finds what is not bundled. */
async function bundledLearner(): Promise<string> {
  const outfile = join(packageRoot(), '.millrace/test/learnerWithShortHeartbeat.mjs')
  await build({
    entryPoints: [new URL('learnerWithShortHeartbeat.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['onnxruntime-node', '@tensorflow/*', 'esbuild'],
    banner: {
      js: "import{createRequire as millraceRequire}from'node:module';const require=millraceRequire(import.meta.url);",
    },
  })
  return outfile
}

async function take(sqs: SQSClient, QueueUrl: string): Promise<Message[]> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  const Entries = Messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }))
  if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
  return Messages
}

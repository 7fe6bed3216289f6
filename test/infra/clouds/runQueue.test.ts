import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunQueueOptions, openRunQueue } from '../../../infra/clouds/runQueue.ts'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import { sdkSettings } from '../../fakes/cloudAccess.ts'
import { type VirtualClock, virtualClock } from '../../fakes/virtualClock.ts'

const HOUR = 3_600_000

let clock: VirtualClock
let cloud: LocalCloud
let sqs: SQSClient
beforeEach(async () => {
  clock = virtualClock()
  cloud = await localCloud({ clock })
  sqs = new SQSClient(sdkSettings(cloud))
})
afterEach(async () => {
  sqs.destroy()
  await cloud.close()
})

const open = (options: Partial<RunQueueOptions> = {}) =>
  openRunQueue(sqs, { queue: 'batches', deadLetterQueue: 'dead', shared: false, clock, where: 'there', ...options })
const runs = () => cloud.sqs.listQueues('batches-run-').map(({ name }) => name)
const nameOf = (url: string) => url.slice(url.lastIndexOf('/') + 1)
/** Until the sign of life of this hour has come over the wire. */
async function touched(url: string): Promise<void> {
  const queue = cloud.sqs.queue(nameOf(url))
  while (queue.describe()['LastModifiedTimestamp'] !== String(Math.floor(clock.now() / 1000)))
    await new Promise((resolve) => setImmediate(resolve))
}

test('every run has a queue of its own, with the dead-letter queue of all, and takes it away at its end', async () => {
  const [one, two] = [await open(), await open()]
  expect(new Set(runs())).toEqual(new Set([nameOf(one.queueUrl), nameOf(two.queueUrl)]))
  await sqs.send(new SendMessageCommand({ QueueUrl: one.queueUrl, MessageBody: 'for one' }))
  expect(cloud.sqs.queue(nameOf(two.queueUrl)).receiveNow({ max: 10 })).toEqual([])
  expect(cloud.sqs.queue(nameOf(one.queueUrl)).receiveNow({ max: 10 })).toHaveLength(1)
  const { VisibilityTimeout, RedrivePolicy = '' } = cloud.sqs.queue(nameOf(one.queueUrl)).describe()
  expect(VisibilityTimeout).toBe('60')
  expect(RedrivePolicy).toContain(':dead')
  expect([one, two].map(({ deadLetterQueueUrl }) => nameOf(deadLetterQueueUrl))).toEqual(['dead', 'dead'])
  await one.close()
  expect(runs()).toEqual([nameOf(two.queueUrl)])
  await two.close()
  expect(runs()).toEqual([])
  expect(clock.sleeping).toBe(0)
})

test('the queue of a run that was killed is deleted by one that starts a day later; that of one at work is not', async () => {
  const killed = `batches-run-${clock.now().toString(36)}-00000000`
  cloud.sqs.createQueue(killed)
  cloud.sqs.createQueue('batches')
  const atWork = await open()
  for (let hour = 0; hour < 30; hour++) {
    await clock.advance(HOUR)
    await touched(atWork.queueUrl)
  }
  const next = await open()
  expect(runs()).not.toContain(killed)
  expect(new Set(runs())).toEqual(new Set([nameOf(atWork.queueUrl), nameOf(next.queueUrl)]))
  expect(cloud.sqs.listQueues('batches').map(({ name }) => name)).toContain('batches')
  await atWork.close()
  await next.close()
})

test('a queue that the user named is used as it is, and stays', async () => {
  const { queueUrl, close } = await open({ shared: true })
  expect(nameOf(queueUrl)).toBe('batches')
  await close()
  expect(cloud.sqs.listQueues().map(({ name }) => name)).toEqual(['batches', 'dead'])
})

test('that others cannot be listed or deleted stops no run', async () => {
  await using refusing = await localCloud({
    faults: ({ operation }) =>
      operation === 'ListQueues' || operation === 'DeleteQueue'
        ? { refuse: { status: 403, code: 'AccessDenied' } }
        : undefined,
  })
  const client = new SQSClient(sdkSettings(refusing))
  const { queueUrl, close } = await openRunQueue(client, {
    queue: 'b',
    deadLetterQueue: 'd',
    shared: false,
    clock,
    where: 'there',
  })
  await close()
  expect(queueUrl).toContain('/b-run-')
  client.destroy()
})

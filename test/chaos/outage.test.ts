// Whole runs on an emulated cloud that is away for some seconds, or refuses many calls: CartPole is still learned. Needs dist/.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { names } from '../../infra/clouds/names.ts'
import { provisionedCloud } from '../../infra/clouds/provision.ts'
import type { Faults } from '../../infra/local/faults/faults.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { withOverrides } from '../../learner/experiment.ts'
import { train } from '../../learner/run/service.ts'
import { awsClients, lambdaInvoker, s3ObjectStore, sqsQueue, systemClock } from '../../shared/cloud/index.ts'
import { accessTo } from '../fakes/cloudAccess.ts'
import { percent } from '../fakes/badMinutes.ts'

/** Trains on a cloud with these faults; its spilled bodies go through the bucket, so that every kind of call is made. */
async function trained(envSteps: number, faultsFrom: (startedMs: number) => Faults) {
  const experiment = withOverrides(cartpole, { 'stop.envSteps': String(envSteps) })
  let faults: Faults | undefined
  const refused = new Map<string, number>()
  const local = await provisionedCloud({
    faults(request) {
      const action = faults?.(request)
      if (action?.refuse) refused.set(request.operation, (refused.get(request.operation) ?? 0) + 1)
      return action
    },
  })
  const clients = awsClients(accessTo(local))
  const queueAt = (name: string) => `${local.endpoint}/000000000000/${name}`
  const queueUrl = queueAt(names.queue)
  const events: string[] = []
  try {
    const { summary } = await train(experiment, {
      run: 'outage',
      cloud: {
        where: 'emulated cloud',
        store: s3ObjectStore(clients.s3, names.bucket),
        queue: sqsQueue(clients.sqs, { queueUrl, deadLetterQueueUrl: queueAt(names.deadLetterQueue) }),
        invoker: lambdaInvoker(clients.lambda, names.rolloutFunction),
        clock: systemClock,
        bucket: names.bucket,
        queueUrl,
        spillAboveBytes: 0,
        manifestPollMs: 1,
        heartbeatMs: 15_000,
        memoryMb: 1769,
        trainWorker: join(packageRoot(), 'dist/learner/train-worker.mjs'),
        close: async () => undefined,
      },
      observer: {
        onUpdate({ updates }) {
          if (updates === 20) faults ??= faultsFrom(performance.now())
        },
        onEveryEvent: ({ text }) => void events.push(text),
      },
    })
    return { summary, events, refused }
  } finally {
    clients.destroy()
    await local.close()
  }
}

const failure = { refuse: { status: 500, code: 'InternalError' } } as const
const refusal = { refuse: { status: 503, code: 'SlowDown' } } as const

test('five seconds without S3, SQS and Lambda are told once a service, lose no lease, and CartPole reaches its goal', async () => {
  const { summary, events, refused } = await trained(
    4_000_000,
    (from) => () => (performance.now() - from < 5_000 ? refusal : undefined),
  )
  expect(summary.reason).toBe('meanReturn')
  expect(summary.progress.dropped).toMatchObject({ corrupt: 0, foreign: 0 })
  // A long poll that began before may have lasted: only writes are sure to be met.
  expect(refused.get('PutObject')).toBeGreaterThan(0)
  expect(events.filter((text) => text.includes('trying again, for 3 minutes')).length).toBeGreaterThan(0)
  expect(events.filter((text) => /do not hear|was lost|failed/.test(text))).toEqual([])
})

test('with 30 % of all calls refused a run is slower, and goes on to its limit without a lost lease', async () => {
  const { summary, events, refused } = await trained(60_000, () => {
    const strikes = percent(30, 5)
    return () => (strikes() ? failure : undefined)
  })
  expect(['envSteps', 'meanReturn']).toContain(summary.reason)
  for (const call of ['PutObject', 'GetObject', 'SendMessage', 'ReceiveMessage', 'DeleteMessageBatch', 'DeleteObjects'])
    expect(refused.get(call)).toBeGreaterThan(0)
  expect(events.filter((text) => /do not hear|was lost/.test(text))).toEqual([])
})

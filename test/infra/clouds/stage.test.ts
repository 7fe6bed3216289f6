import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { deadManStrikes } from '../../../infra/aws/deadMan.ts'
import { settings } from '../../../infra/aws/settings.ts'
import { stageCloud } from '../../../infra/clouds/provision.ts'
import type { StageOptions } from '../../../infra/clouds/stage.ts'
import { concurrencyLimit, deadManSchedules, learnerGroup, logLines } from '../../../shared/cloud/control/index.ts'
import { lambdaClient, lambdaInvoker, sqsClient, sqsQueue } from '../../../shared/cloud/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { parseStage } from '../../../shared/protocol/stage.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { buildBootstrap, handlerFile } from '../local/lambda/support.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

const bootstrap = buildBootstrap()
const folder = mkdtempSync(join(tmpdir(), 'millrace-stage-'))
afterAll(() => {
  bootstrap.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** A learner that says with which variables it was started, and stays. */
const command = (environment: Record<string, string> = {}) => ({
  file: process.execPath,
  args: ['-e', `console.log('learner', process.env.WORD ?? 'mute'); setInterval(() => {}, 1000)`],
  environment,
})
const start = (options: StageOptions & { folder?: string; clock?: ReturnType<typeof virtualClock> } = {}) =>
  stageCloud({ command: command(), lambda: { bootstrap: bootstrap.file }, ...options })

test('everything that the description names is there, and the description is what was asked for', async () => {
  const chosen = settings({ app: 'rivers', region: 'eu-west-1', functions: { concurrency: 3, memoryMb: 512 } })
  const options = { stage: 'test', settings: chosen, heartbeatSeconds: 5, deadManSeconds: 7, idleMinutes: 0.1 }
  await using cloud = await start(options)
  const { description } = cloud.provisioned
  expect(parseStage(cloud.control.parameters.get('/millrace/rivers/test').value)).toEqual(description)
  expect(description).toMatchObject({
    app: 'rivers',
    stage: 'test',
    region: 'eu-west-1',
    concurrency: 3,
    memoryMb: 512,
    timeoutSeconds: 180,
    heartbeatSeconds: 5,
    idleMinutes: 0.1,
    deadMan: { afterSeconds: 7 },
    learner: { kind: 'gpu' },
  })
  const aws = accessTo(cloud)
  expect(cloud.s3.hasBucket(description.bucket)).toBe(true)
  expect(await concurrencyLimit(description.rolloutFunction, aws).get()).toBe(3)
  expect(await learnerGroup(description.learner, aws).size()).toEqual({ desired: 0, running: 0 })
  const schedules = description.deadMan.schedules.map(
    (name) => cloud.control.schedules.get(description.deadMan.group, name).definition,
  )
  const strikes = deadManStrikes(cloud.provisioned.names, description.learner)
  expect(strikes.map(({ ends }) => ends)).toEqual(['functions', 'learner'])
  expect(
    schedules.map(({ Name, State, Target }) => [
      Name,
      State,
      Target.Arn.split(':::aws-sdk:')[1],
      JSON.parse(Target.Input),
    ]),
  ).toEqual(strikes.map(({ name, call, input }) => [name, 'DISABLED', call, input]))
  expect(cloud.control.logs.groups().map(({ name }) => name)).toEqual(
    expect.arrayContaining(Object.values(description.logGroups)),
  )
  const { queueUrl, deadLetterQueueUrl } = description
  const queue = sqsQueue(sqsClient(aws), { queueUrl, deadLetterQueueUrl })
  await queue.send('a message')
  const [message] = await queue.receive({ max: 1, waitMs: 0 })
  if (message !== undefined) await queue.reject(message, 'to see the other queue')
  const deadLetters = cloud.sqs.queue(cloud.provisioned.names.deadLetterQueue).describe()
  expect(deadLetters['ApproximateNumberOfMessages']).toBe('1')
})

test.each(['gpu', 'fargate'] as const)(
  'a dead-man on %s that is not pushed on sets functions and learner to none',
  async (kind) => {
    const clock = virtualClock()
    await using cloud = await start({ clock, learner: kind })
    const { description, group } = cloud.provisioned
    const aws = accessTo(cloud)
    const deadMan = deadManSchedules(description.deadMan, aws)
    await learnerGroup(description.learner, aws).set(1)
    await deadMan.arm(clock.now() + 60_000)
    await clock.advance(50_000)
    await deadMan.arm(clock.now() + 60_000)
    await clock.advance(59_000)
    expect([cloud.control.schedules.strikes, group?.desired]).toEqual([[], 1])
    await clock.advance(1000)
    expect(cloud.control.schedules.strikes).toEqual(
      description.deadMan.schedules.map((name) => ({ group: description.deadMan.group, name, at: clock.now() })),
    )
    expect(await learnerGroup(description.learner, aws).size()).toMatchObject({ desired: 0 })
    expect(await concurrencyLimit(description.rolloutFunction, aws).get()).toBe(0)
  },
)

test('the learner’s output and that of functions are in the log groups that the description names', async () => {
  await using cloud = await start({ command: command({ WORD: 'hello' }) })
  const { description, names } = cloud.provisioned
  cloud.lambda.create({ name: names.evaluateFunction, file: handlerFile('probe'), memoryMb: 256, timeoutMs: 10_000 })
  const aws = accessTo(cloud)
  await learnerGroup(description.learner, aws).set(1)
  await lambdaInvoker(lambdaClient(aws), description.evaluateFunction).invoke(Buffer.from('{"do":"log","lines":2}'))
  const stop = new AbortController()
  const { learner = '', evaluate } = description.logGroups
  const wanted = new Set([`${learner}: learner hello`, `${evaluate}: line 1 { of: 2 }`])
  const query = { groups: [learner, evaluate], sinceMs: 60_000, follow: true, signal: stop.signal, pollMs: 10 }
  for await (const { group, text } of logLines(query, aws)) {
    wanted.delete(`${group}: ${text.split('\t').at(-1)}`)
    if (wanted.size === 0) stop.abort()
  }
  expect(wanted.size).toBe(0)
})

test('an invocation that fails for good is told of in the queue that the learner reads', async () => {
  await using cloud = await start()
  const { description, names } = cloud.provisioned
  const aws = accessTo(cloud)
  await concurrencyLimit(description.rolloutFunction, aws).set(0)
  await lambdaInvoker(lambdaClient(aws), description.rolloutFunction).invoke(Buffer.from('{"lease":"x"}'))
  const told = () => cloud.sqs.queue(names.queue).describe()['ApproximateNumberOfMessages']
  await vi.waitFor(() => expect(told()).toBe('1'), { interval: 5, timeout: 15_000 })
})

test('requests that a kept bucket still holds wake the learner, as they would on AWS', async () => {
  const kept = join(folder, 'kept')
  const bucket = await (async () => {
    await using cloud = await start({ folder: kept })
    const { description, group } = cloud.provisioned
    cloud.s3.put(description.bucket, keys.request('run-1'), Buffer.from('{}'))
    expect(group?.desired).toBe(0)
    return description.bucket
  })()
  await using cloud = await start({ folder: kept })
  expect(cloud.provisioned.description.bucket).toBe(bucket)
  expect(cloud.provisioned.group?.desired).toBe(1)
})

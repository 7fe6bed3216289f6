import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { provisionStage } from '../../../../infra/clouds/stage.ts'
import { localCloud, type LocalCloud } from '../../../../infra/local/cloud.ts'
import type { Faults } from '../../../../infra/local/faults/faults.ts'
import {
  account,
  concurrencyLimit,
  concurrencyQuota,
  deadManSchedules,
  findStage,
  gpuQuota,
  invokeSync,
  learnerGroup,
  listStages,
  logLines,
  offeredInstanceTypes,
  saveStage,
  stageByParameter,
} from '../../../../shared/cloud/control/index.ts'
import type { StageDescription } from '../../../../shared/protocol/stage.ts'
import { buildBootstrap, probe } from '../../../infra/local/lambda/support.ts'
import { accessTo } from '../../../fakes/cloudAccess.ts'

const bootstrap = buildBootstrap()
let cloud: LocalCloud
let description: StageDescription
let faults: Faults | undefined
const options = () => accessTo(cloud)

beforeAll(async () => {
  cloud = await localCloud({
    control: true,
    faults: (point) => faults?.(point),
    lambda: { bootstrap: bootstrap.file, accountConcurrency: 200 },
  })
  const command = { file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], environment: {} }
  description = provisionStage(cloud, { command }).description
  cloud.lambda.create(probe('probe'))
})
afterAll(async () => {
  await cloud.close()
  bootstrap.remove()
})
beforeEach(() => {
  faults = undefined
})
afterEach(() => cloud.control.account.denied.clear())

describe('a stage', () => {
  test('is found by its name and by its parameter, and listed', async () => {
    expect(await findStage('millrace', 'demo', options())).toEqual(description)
    expect(await stageByParameter('/millrace/millrace/demo', options())).toEqual(description)
    await saveStage({ ...description, stage: 'second' }, options())
    expect(await listStages('millrace', options())).toEqual(['demo', 'second'])
    expect(await listStages('another', options())).toEqual([])
  })

  test('that does not exist is one sentence with those that do, the nearest, and the command', async () => {
    await expect(findStage('millrace', 'demp', options())).rejects.toMatchObject({
      code: 'E_STAGE',
      message: expect.stringMatching(
        /^stage 'demp' of millrace is not deployed in us-east-1 \(there are demo.*\); millrace cloud --stage demp is an emulated cloud that has it; did you mean 'demo'\?$/,
      ),
    })
    await expect(findStage('another', 'demo', options())).rejects.toMatchObject({
      code: 'E_STAGE',
      message: expect.stringContaining('it has no stage there'),
    })
    await expect(stageByParameter('/none', options())).rejects.toMatchObject({ code: 'E_STAGE' })
  })

  test('of another version is said to be one', async () => {
    cloud.control.parameters.put('/millrace/old/demo', '{"format":0}')
    const old = findStage('old', 'demo', options())
    await expect(old).rejects.toMatchObject({
      code: 'E_STAGE',
      message: expect.stringContaining('deploy the stage again'),
    })
  })
})

describe("the learner's group", () => {
  const until = async (running: number) => {
    const group = learnerGroup(description.learner, options())
    while ((await group.size()).running !== running);
    return await group.size()
  }

  test('of machines has one when set to 1 and none when set to 0', async () => {
    const group = learnerGroup(description.learner, options())
    expect(await group.size()).toEqual({ desired: 0, running: 0 })
    await group.set(1)
    expect(await until(1)).toEqual({ desired: 1, running: 1 })
    await group.set(0)
    expect(await until(0)).toEqual({ desired: 0, running: 0 })
  })

  test('on Fargate is the service; one that is gone says so', async () => {
    const command = { file: process.execPath, args: ['-e', ''], environment: {} }
    cloud.control.createService({ name: 'cluster/service', command, logGroup: '/learner' })
    const group = (service: string) => learnerGroup({ kind: 'fargate', cluster: 'cluster', service }, options())
    expect(await group('service').size()).toEqual({ desired: 0, running: 0 })
    await group('service').set(0)
    await expect(group('none').size()).rejects.toMatchObject({ code: 'E_STAGE' })
    const gone = learnerGroup({ kind: 'gpu', autoScalingGroup: 'none', instanceTypes: ['g5.xlarge'] }, options())
    await expect(gone.size()).rejects.toMatchObject({ code: 'E_STAGE', message: expect.stringContaining('deploy') })
  })

  test('anywhere is nobody’s to start, and asks AWS nothing', async () => {
    const group = learnerGroup({ kind: 'anywhere' }, { localEndpoint: 'http://127.0.0.1:1' })
    await group.set(1)
    expect(await group.size()).toEqual({ desired: 0, running: 0 })
  })
})

describe('the concurrency limit', () => {
  test('is set, read, and undefined while nothing is reserved', async () => {
    const limit = concurrencyLimit('probe', options())
    expect(await limit.get()).toBeUndefined()
    await limit.set(3)
    expect(await limit.get()).toBe(3)
    expect(await concurrencyQuota(options())).toEqual({ limit: 200, unreserved: 147 })
    await limit.set(0)
    expect(await limit.get()).toBe(0)
  })

  test('past what the account may reserve is E_QUOTA with what to do', async () => {
    await expect(concurrencyLimit('probe', options()).set(101)).rejects.toMatchObject({
      code: 'E_QUOTA',
      message: expect.stringMatching(
        /must keep 100 unreserved; ask for a higher quota .* or set functions.concurrency lower/,
      ),
    })
  })
})

describe('the dead-man', () => {
  test('is pushed on by arming again, keeps the whole definition, and is disarmed', async () => {
    const deadMan = deadManSchedules(description.deadMan, options())
    const look = () =>
      description.deadMan.schedules.map(
        (name) => cloud.control.schedules.get(description.deadMan.group, name).definition,
      )
    const before = look()
    await deadMan.arm(Date.UTC(2090, 0, 2, 3, 4, 5, 1))
    await deadMan.arm(Date.UTC(2090, 0, 2, 3, 5, 5, 1))
    expect(look()).toEqual(
      before.map((whole) => ({ ...whole, State: 'ENABLED', ScheduleExpression: 'at(2090-01-02T03:05:06)' })),
    )
    await deadMan.disarm()
    expect(look().map(({ State }) => State)).toEqual(['DISABLED', 'DISABLED'])
    expect(before).toHaveLength(2)
  })
})

describe('logs', () => {
  const write = (group: string, stream: string, text: string) => cloud.control.logs.write(group, stream, `${text}\n`)
  const read = async (groups: string[], sinceMs = 60_000) => {
    const lines = []
    const query = { groups, sinceMs, follow: false, signal: new AbortController().signal }
    for await (const line of logLines(query, options())) lines.push(line)
    return lines
  }

  test('of several groups are merged in the order of time, and a group that does not exist is empty', async () => {
    for (let i = 0; i < 6; i++) write(i % 2 === 0 ? '/merge/a' : '/merge/b', `stream-${i}`, `line ${i}`)
    const lines = await read(['/merge/a', '/merge/none', '/merge/b'])
    expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted((a, b) => a - b))
    expect(lines.map(({ text }) => text).toSorted()).toEqual(Array.from({ length: 6 }, (_, i) => `line ${i}`))
    expect(lines.find(({ text }) => text === 'line 3')).toMatchObject({ group: '/merge/b', stream: 'stream-3' })
    expect(await read(['/merge/a'], -1000)).toEqual([])
  })

  test('longer than a page are read to their end', async () => {
    const count = 10_003
    cloud.control.logs.write('/long', 'stream', Array.from({ length: count }, (_, i) => `line ${i}\n`).join(''))
    const lines = await read(['/long'])
    expect(lines.map(({ text }) => text)).toEqual(Array.from({ length: count }, (_, i) => `line ${i}`))
  })

  test('are followed without a duplicate until the signal ends it quietly', async () => {
    const stop = new AbortController()
    const seen: string[] = []
    write('/follow', 's', 'line 0')
    const query = { groups: ['/follow'], sinceMs: 60_000, follow: true, signal: stop.signal, pollMs: 5 }
    for await (const { text } of logLines(query, options())) {
      seen.push(text)
      if (seen.length < 20) write('/follow', `s${seen.length % 3}`, `line ${seen.length}`)
      else stop.abort()
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i}`))
  })
})

describe('a function that is called', () => {
  test('answers, and its failure comes in its own words', async () => {
    cloud.control.account.denied.clear()
    await concurrencyLimit('probe', options()).set(2)
    expect(await invokeSync('probe', { do: 'echo', x: [1] }, options())).toEqual({ do: 'echo', x: [1] })
    await expect(invokeSync('probe', { do: 'throw' }, options())).rejects.toMatchObject({
      code: 'E_INVOKE',
      message: expect.stringContaining('the function probe failed: thrown at once'),
    })
  })
})

describe('the account', () => {
  test('says who the credentials are, and what it may have', async () => {
    expect(await account(options())).toEqual({
      account: '000000000000',
      arn: 'arn:aws:iam::000000000000:user/local',
      region: 'us-east-1',
    })
    cloud.control.account.quotas.set('ec2/L-3819A6DF', 0)
    expect(await gpuQuota({ spot: true }, options())).toBe(0)
    expect(await gpuQuota({ spot: false }, options())).toBe(8)
    cloud.control.account.quotas.delete('ec2/L-DB2E81BA')
    expect(await gpuQuota({ spot: false }, options())).toBe(0)
    cloud.control.account.instanceTypes.delete('g6.xlarge')
    expect(await offeredInstanceTypes(['g6.xlarge', 'g5.xlarge', 'g4dn.xlarge'], options())).toEqual([
      'g5.xlarge',
      'g4dn.xlarge',
    ])
  })
})

describe('what is refused says what to do', () => {
  const calls: readonly (readonly [action: string, call: () => Promise<unknown>])[] = [
    ['ssm:GetParameter', () => findStage('millrace', 'demo', options())],
    ['ssm:GetParametersByPath', () => listStages('millrace', options())],
    ['ssm:PutParameter', () => saveStage(description, options())],
    ['autoscaling:SetDesiredCapacity', () => learnerGroup(description.learner, options()).set(1)],
    ['autoscaling:DescribeAutoScalingGroups', () => learnerGroup(description.learner, options()).size()],
    ['ecs:UpdateService', () => learnerGroup({ kind: 'fargate', cluster: 'c', service: 's' }, options()).set(1)],
    ['lambda:PutFunctionConcurrency', () => concurrencyLimit('probe', options()).set(1)],
    ['lambda:GetFunctionConcurrency', () => concurrencyLimit('probe', options()).get()],
    ['lambda:GetAccountSettings', () => concurrencyQuota(options())],
    ['lambda:InvokeFunction', () => invokeSync('probe', {}, options())],
    ['scheduler:UpdateSchedule', () => deadManSchedules(description.deadMan, options()).disarm()],
    [
      'logs:FilterLogEvents',
      () =>
        logLines({ groups: ['/x'], sinceMs: 0, follow: false, signal: new AbortController().signal }, options()).next(),
    ],
    ['sts:GetCallerIdentity', () => account(options())],
    ['servicequotas:GetServiceQuota', () => gpuQuota({ spot: true }, options())],
    ['ec2:DescribeInstanceTypeOfferings', () => offeredInstanceTypes(['g5.xlarge'], options())],
  ]
  test.each(calls)('without %s', async (action, call) => {
    cloud.control.account.denied.add(action)
    await expect(call()).rejects.toMatchObject({
      code: 'E_PERMISSION',
      message: expect.stringContaining(`the credentials lack ${action}; `),
    })
  })

  test('credentials that AWS does not know, or that have expired', async () => {
    faults = () => ({
      refuse: { status: 400, code: 'UnrecognizedClientException', message: 'The security token is invalid.' },
    })
    await expect(findStage('millrace', 'demo', options())).rejects.toMatchObject({ code: 'E_CREDENTIALS' })
    faults = () => ({ refuse: { status: 403, code: 'ExpiredToken', message: 'The token has expired.' } })
    await expect(account(options())).rejects.toMatchObject({
      code: 'E_CREDENTIALS',
      message: expect.stringContaining('log in again'),
    })
  })

  test('an endpoint where nobody listens', async () => {
    const nobody = { localEndpoint: 'http://127.0.0.1:1' }
    await expect(findStage('millrace', 'demo', nobody)).rejects.toMatchObject({
      code: 'E_AWS',
      message: expect.stringContaining("nothing answers at 127.0.0.1:1; is 'millrace cloud' running?"),
    })
  })
})

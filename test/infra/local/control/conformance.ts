import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling'
import { CloudWatchLogsClient, DescribeLogGroupsCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { DescribeInstanceTypeOfferingsCommand, EC2Client } from '@aws-sdk/client-ec2'
import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs'
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler'
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas'
import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Credentials } from '../../../../shared/cloud/credentials.ts'
import { sdkSettings } from '../../../fakes/cloudAccess.ts'

export interface ControlUnderTest {
  readonly endpoint: string
  readonly credentials: Credentials
  /** An auto-scaling group of 0..1, and a service of 0..1 as `cluster` and `name`, whose process prints `ready` and stays. */
  readonly group: string
  readonly service: { readonly cluster: string; readonly name: string }
  /** A log group with `count` events in it, `line 0`, `line 1` …, from two streams in turn. */
  readonly logs: { readonly group: string; readonly count: number }
  stop(): Promise<void>
}

const YEAR_MS = 365 * 86_400_000

/** What the control plane must do as AWS does it, driven by unmodified SDK clients. */
export function controlConformance(start: () => Promise<ControlUnderTest>): void {
  let under: ControlUnderTest
  const open: { destroy(): void }[] = []
  const settings = () => ({
    ...sdkSettings(under),
  })
  const keep = <C extends { destroy(): void }>(client: C): C => {
    open.push(client)
    return client
  }
  beforeAll(async () => {
    under = await start()
  })
  afterAll(async () => {
    for (const client of open) client.destroy()
    await under.stop()
  })

  describe('SSM', () => {
    const ssm = () => keep(new SSMClient(settings()))
    const root = `/conformance-${randomUUID()}`
    const put = (name: string, Value: string, Overwrite = false) =>
      ssm().send(new PutParameterCommand({ Name: `${root}/${name}`, Value, Type: 'String', Overwrite }))

    test('a parameter is put once, overwritten only when told, read with its version, and deleted', async () => {
      expect((await put('one', 'first')).Version).toBe(1)
      await expect(put('one', 'again')).rejects.toMatchObject({ name: 'ParameterAlreadyExists' })
      expect((await put('one', 'second', true)).Version).toBe(2)
      const { Parameter } = await ssm().send(new GetParameterCommand({ Name: `${root}/one` }))
      expect(Parameter).toMatchObject({ Name: `${root}/one`, Value: 'second', Type: 'String', Version: 2 })
      expect(Parameter?.LastModifiedDate).toBeInstanceOf(Date)
      await ssm().send(new DeleteParameterCommand({ Name: `${root}/one` }))
      const gone = ssm().send(new GetParameterCommand({ Name: `${root}/one` }))
      await expect(gone).rejects.toMatchObject({ name: 'ParameterNotFound', $metadata: { httpStatusCode: 400 } })
    })

    test('a standard parameter holds 4,096 characters and not one more', async () => {
      await put('long', 'x'.repeat(4096))
      await expect(put('longer', 'x'.repeat(4097))).rejects.toMatchObject({ name: 'ValidationException' })
    })

    test('those below a path come in pages of ten, without deeper ones unless asked for', async () => {
      for (let i = 0; i < 12; i++) await put(`many/${String(i).padStart(2, '0')}`, 'x')
      await put('many/deep/er', 'x')
      const below = (more: object) => ssm().send(new GetParametersByPathCommand({ Path: `${root}/many`, ...more }))
      const first = await below({})
      expect(first.Parameters).toHaveLength(10)
      const second = await below({ NextToken: first.NextToken })
      expect(second.NextToken).toBeUndefined()
      const names = [...(first.Parameters ?? []), ...(second.Parameters ?? [])].map(({ Name = '' }) => Name)
      expect(names.toSorted()).toEqual(
        Array.from({ length: 12 }, (_, i) => `${root}/many/${String(i).padStart(2, '0')}`),
      )
      const deep = await ssm().send(new GetParametersByPathCommand({ Path: `${root}/many/deep`, Recursive: true }))
      expect(deep.Parameters?.map(({ Name }) => Name)).toEqual([`${root}/many/deep/er`])
    })
  })

  describe('Auto Scaling', () => {
    const client = () => keep(new AutoScalingClient(settings()))
    const describeGroup = async () => {
      const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [under.group] })
      return (await client().send(command)).AutoScalingGroups?.[0]
    }
    const set = (DesiredCapacity: number, AutoScalingGroupName = under.group) =>
      client().send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity, HonorCooldown: false }))
    const until = async (states: readonly string[]) => {
      for (;;) {
        const group = await describeGroup()
        const now = group?.Instances?.map(({ LifecycleState }) => LifecycleState)
        if (JSON.stringify(now) === JSON.stringify(states)) return group
      }
    }

    test('a group asked for one has one in service, replaces it when it is taken away, and has none when asked for none', async () => {
      expect(await describeGroup()).toMatchObject({ MinSize: 0, MaxSize: 1, DesiredCapacity: 0, Instances: [] })
      await set(1)
      const before = (await until(['InService']))?.Instances?.[0]
      expect(before?.InstanceId).toMatch(/^i-[0-9a-f]{17}$/)
      const InstanceId = before?.InstanceId ?? ''
      const taken = { InstanceId, ShouldDecrementDesiredCapacity: false }
      await client().send(new TerminateInstanceInAutoScalingGroupCommand(taken))
      const after = (await until(['InService']))?.Instances?.[0]
      expect(after?.InstanceId).not.toBe(InstanceId)
      await set(0)
      expect(await until([])).toMatchObject({ DesiredCapacity: 0 })
    })

    test('more than the maximum and a group that does not exist are refused; what does not exist is not listed', async () => {
      await expect(set(2)).rejects.toMatchObject({
        name: 'ValidationError',
        message: expect.stringContaining('max value 1'),
      })
      await expect(set(1, 'none')).rejects.toMatchObject({ name: 'ValidationError' })
      const none = await client().send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['none'] }))
      expect(none.AutoScalingGroups).toEqual([])
    })
  })

  describe('ECS', () => {
    const client = () => keep(new ECSClient(settings()))
    const update = (desiredCount: number, service = under.service.name, cluster = under.service.cluster) =>
      client().send(new UpdateServiceCommand({ cluster, service, desiredCount }))
    const look = async () => {
      const { cluster, name } = under.service
      return await client().send(new DescribeServicesCommand({ cluster, services: [name, 'none'] }))
    }

    test('a service asked for one runs one, and none when asked for none', async () => {
      expect((await update(1)).service).toMatchObject({ serviceName: under.service.name, desiredCount: 1 })
      let seen = await look()
      while (seen.services?.[0]?.runningCount !== 1) seen = await look()
      expect(seen.failures).toMatchObject([{ reason: 'MISSING', arn: expect.stringContaining('none') }])
      await update(0)
      while (seen.services?.[0]?.runningCount !== 0) seen = await look()
      expect(seen.services?.[0]).toMatchObject({ desiredCount: 0, status: 'ACTIVE' })
    })

    test('a service and a cluster that do not exist are refused by name', async () => {
      await expect(update(1, 'none')).rejects.toMatchObject({ name: 'ServiceNotFoundException' })
      await expect(update(1, under.service.name, 'none')).rejects.toMatchObject({ name: 'ClusterNotFoundException' })
    })
  })

  describe('Scheduler', () => {
    const client = () => keep(new SchedulerClient(settings()))
    const definition = (Name: string): CreateScheduleCommandInput => ({
      Name,
      GroupName: 'default',
      ScheduleExpression: `at(${new Date(Date.now() + YEAR_MS).toISOString().slice(0, 19)})`,
      ScheduleExpressionTimezone: 'UTC',
      State: 'DISABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: 'arn:aws:scheduler:::aws-sdk:autoscaling:setDesiredCapacity',
        RoleArn: 'arn:aws:iam::000000000000:role/conformance',
        Input: JSON.stringify({ AutoScalingGroupName: under.group, DesiredCapacity: 0 }),
      },
    })

    test('a one-time schedule is created once, read, replaced as a whole, and deleted', async () => {
      const Name = `conformance-${randomUUID()}`
      const whole = definition(Name)
      const { ScheduleArn } = await client().send(new CreateScheduleCommand({ ...whole, Description: 'the first' }))
      expect(ScheduleArn).toContain(`schedule/default/${Name}`)
      await expect(client().send(new CreateScheduleCommand(whole))).rejects.toMatchObject({ name: 'ConflictException' })
      const get = () => client().send(new GetScheduleCommand({ Name, GroupName: 'default' }))
      const { $metadata: _, ...read } = await get()
      expect(read).toMatchObject({ ...whole, Description: 'the first', ActionAfterCompletion: 'NONE' })
      expect(read.CreationDate).toBeInstanceOf(Date)
      await client().send(new UpdateScheduleCommand({ ...whole, State: 'ENABLED' }))
      expect(await get()).toMatchObject({ State: 'ENABLED' })
      expect((await get()).Description).toBeUndefined()
      await client().send(new DeleteScheduleCommand({ Name, GroupName: 'default' }))
      await expect(get()).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
        $metadata: { httpStatusCode: 404 },
      })
    })

    test('a group that does not exist, and an expression that is none, are refused', async () => {
      const of = (changes: object) => client().send(new CreateScheduleCommand({ ...definition('refused'), ...changes }))
      await expect(of({ GroupName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
      await expect(of({ ScheduleExpression: 'at(soon)' })).rejects.toMatchObject({ name: 'ValidationException' })
    })
  })

  describe('CloudWatch Logs', () => {
    const client = () => keep(new CloudWatchLogsClient(settings()))
    const filter = (more: object = {}) =>
      client().send(new FilterLogEventsCommand({ logGroupName: under.logs.group, ...more }))

    test('events come in order, page by page, each once', async () => {
      const texts: (string | undefined)[] = []
      const ids = new Set<string | undefined>()
      let nextToken: string | undefined
      do {
        const { events = [], nextToken: next } = await filter({ limit: 3, ...(nextToken && { nextToken }) })
        expect(events.length).toBeLessThanOrEqual(3)
        for (const { message, eventId } of events) {
          texts.push(message)
          ids.add(eventId)
        }
        nextToken = next
      } while (nextToken !== undefined)
      expect(texts).toEqual(Array.from({ length: under.logs.count }, (_, i) => `line ${i}`))
      expect(ids.size).toBe(under.logs.count)
    })

    test('are filtered by stream, by word and by time', async () => {
      const { events: all = [] } = await filter()
      const stream = all[0]?.logStreamName ?? ''
      const ofStream = (await filter({ logStreamNames: [stream] })).events ?? []
      expect(ofStream.length).toBe(Math.ceil(under.logs.count / 2))
      expect((await filter({ filterPattern: '"line 1"' })).events?.[0]?.message).toBe('line 1')
      expect((await filter({ startTime: Date.now() + YEAR_MS })).events).toEqual([])
    })

    test('a group is described by its prefix; one that does not exist is refused', async () => {
      const { logGroups } = await client().send(new DescribeLogGroupsCommand({ logGroupNamePrefix: under.logs.group }))
      expect(logGroups?.map(({ logGroupName }) => logGroupName)).toEqual([under.logs.group])
      await expect(filter({ logGroupName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    })
  })

  describe('the account', () => {
    test('says whose the credentials are', async () => {
      const identity = await keep(new STSClient(settings())).send(new GetCallerIdentityCommand({}))
      expect(identity).toMatchObject({
        Account: expect.stringMatching(/^\d{12}$/),
        Arn: expect.stringMatching(/^arn:aws:/),
      })
    })

    test('has a quota of concurrent executions, and of GPU machines by spot and on demand', async () => {
      const { AccountLimit } = await keep(new LambdaClient(settings())).send(new GetAccountSettingsCommand({}))
      expect(AccountLimit?.ConcurrentExecutions).toBeGreaterThan(0)
      expect(AccountLimit?.UnreservedConcurrentExecutions).toBeGreaterThan(0)
      const quotas = keep(new ServiceQuotasClient(settings()))
      for (const QuotaCode of ['L-3819A6DF', 'L-DB2E81BA']) {
        const quota = { ServiceCode: 'ec2', QuotaCode }
        expect((await quotas.send(new GetServiceQuotaCommand(quota))).Quota).toMatchObject({
          QuotaCode,
          Value: expect.any(Number),
        })
        expect((await quotas.send(new GetAWSDefaultServiceQuotaCommand(quota))).Quota?.Value).toBe(0)
      }
      const unknown = quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: 'L-00000000' }))
      await expect(unknown).rejects.toMatchObject({ name: 'NoSuchResourceException' })
    })

    test('can have the instance types of its region, and no others', async () => {
      const ec2 = keep(new EC2Client(settings()))
      const offered = async (Values: string[]) => {
        const Filters = [{ Name: 'instance-type', Values }]
        const command = new DescribeInstanceTypeOfferingsCommand({ LocationType: 'region', Filters })
        const { InstanceTypeOfferings = [] } = await ec2.send(command)
        return InstanceTypeOfferings.map(({ InstanceType, Location }) => `${InstanceType} in ${Location}`)
      }
      expect(await offered(['g5.xlarge', 'g0.none'])).toEqual(['g5.xlarge in us-east-1'])
      expect(await offered(['g0.*'])).toEqual([])
      const refused = ec2.send(
        new DescribeInstanceTypeOfferingsCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] }),
      )
      await expect(refused).rejects.toMatchObject({ name: 'InvalidParameterValue' })
    })
  })
}

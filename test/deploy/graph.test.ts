import { describe, expect, test } from 'vitest'
import type { LearnerKind } from '../../infra/aws/settings.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { parseStage } from '../../shared/protocol/stage.ts'
import { packageManifest } from '../../library/load/libraryEntries.ts'
import { faults } from './expected.ts'
import { bucketName, inputs, resource } from './graph.ts'
import { VARIANTS, recorded } from './variants.ts'

// Graph verified: what the real `sst deploy` would have made, recorded without an account. Nothing was deployed.

const kinds: readonly LearnerKind[] = ['anywhere', 'fargate', 'gpu']

describe.each(kinds)('a stage whose learner is %s', (kind) => {
  test('has every resource, no other, and roles that may do what is listed to the letter', async () => {
    expect(faults(await recorded(VARIANTS[kind]), kind)).toEqual([])
  })

  test('leaves nothing when sst remove has run: nothing is kept or protected, bucket and images go with what is in them', async () => {
    const { resources, removed = [] } = await recorded(VARIANTS[kind])
    const gone = removed.map(({ type, urn }) => `${type} ${urn.split('::').at(-1)}`)
    expect(gone).toEqual(expect.arrayContaining(resources.map(({ type, name }) => `${type} ${name}`)))
    // Not by itself, with a token that has run out by then, but with its repository.
    const withRepository = kind === 'anywhere' ? [] : ['docker-build:index:Image']
    expect(removed.filter(({ retainOnDelete }) => retainOnDelete).map(({ type }) => type)).toEqual(withRepository)
    expect(resources.filter(({ retain }) => retain).map(({ type }) => type)).toEqual(withRepository)
    expect(resources.filter(({ protect }) => protect)).toEqual([])
    const skipped = resources.filter(({ inputs }) => inputs['skipDestroy'] || inputs['forceDestroy'] === false)
    expect(skipped).toEqual([])
    for (const { type, inputs } of resources) {
      if (type === 'aws:s3/bucket:Bucket') expect(inputs['forceDestroy']).toBe(true)
      if (type === 'aws:ecr/repository:Repository') expect(inputs['forceDelete']).toBe(true)
      if (type === 'aws:autoscaling/group:Group') expect(inputs['forceDelete']).toBe(true)
    }
  })

  test('names everything after app and stage, so that two stages of one app never meet', async () => {
    const { resources } = await recorded(VARIANTS[kind])
    const named = resources.filter(({ type }) => type.startsWith('aws:')).flatMap(({ inputs }) => inputs['name'] ?? [])
    expect(named.length).toBeGreaterThan(10)
    for (const name of named) expect(name).toMatch(/millrace[-/]test(?![a-z0-9])/)
  })

  test('describes itself in a parameter that the command line and the learner can read', async () => {
    const recording = await recorded(VARIANTS[kind])
    const { name, type, value } = inputs(recording, 'ssm.Parameter', 'TrainDescription')
    expect({ name, type }).toEqual({ name: '/millrace/millrace/test', type: 'String' })
    expect(Buffer.byteLength(String(value))).toBeLessThan(4096)
    const gone = { functions: 'millrace-test-functions-off', learner: 'millrace-test-learner-off' }
    expect(parseStage(String(value))).toEqual({
      format: 1,
      app: 'millrace',
      stage: 'test',
      region: 'us-east-1',
      millrace: packageManifest(packageRoot()).version,
      bucket: bucketName(recording),
      queueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/millrace-test-batches',
      deadLetterQueueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/millrace-test-dead-letters',
      rolloutFunction: 'millrace-test-rollout',
      evaluateFunction: 'millrace-test-evaluate',
      concurrency: 50,
      memoryMb: 1769,
      functionGbSecondUsd: 0.0000133334,
      timeoutSeconds: 180,
      heartbeatSeconds: 15,
      learner: {
        anywhere: { kind: 'anywhere' },
        fargate: { kind: 'fargate', cluster: 'millrace-test', service: 'millrace-test-learner' },
        gpu: {
          kind: 'gpu',
          autoScalingGroup: 'millrace-test-learner',
          instanceTypes: ['g6.xlarge', 'g5.xlarge', 'g4dn.xlarge'],
        },
      }[kind],
      learnerHourUsd: {
        anywhere: 0,
        fargate: 4 * 0.04048 + 8 * 0.004445 + 0.005,
        gpu: 1.006 + (60 * 0.08) / 730 + 0.005,
      }[kind],
      checkpointSeconds: 30,
      ...(kind === 'anywhere' ? { idleMinutes: 1440, maxHours: 720 } : { idleMinutes: 10, maxHours: 24 }),
      deadMan: {
        group: 'millrace-test',
        schedules: kind === 'anywhere' ? [gone.functions] : [gone.functions, gone.learner],
        afterSeconds: 900,
      },
      logGroups: {
        rollout: '/aws/lambda/millrace-test-rollout',
        evaluate: '/aws/lambda/millrace-test-evaluate',
        ...(kind === 'anywhere' ? {} : { learner: '/millrace/millrace/test/learner' }),
      },
    })
  })

  test('keeps its logs for as long as settings say, in groups of its own', async () => {
    const { resources } = await recorded(VARIANTS[kind])
    const groups = resources.filter(({ type }) => type === 'aws:cloudwatch/logGroup:LogGroup')
    expect(groups.map(({ inputs }) => inputs['retentionInDays'])).toEqual(groups.map(() => 7))
    expect(groups).toHaveLength(kind === 'anywhere' ? 2 : 3)
  })

  test('has dead-man schedules that are off, at no time, tried for five minutes, and left alone by a deployment', async () => {
    const recording = await recorded(VARIANTS[kind])
    const strikes = {
      functions: [
        'lambda:putFunctionConcurrency',
        { FunctionName: 'millrace-test-rollout', ReservedConcurrentExecutions: 0 },
      ],
      fargate: ['ecs:updateService', { Cluster: 'millrace-test', Service: 'millrace-test-learner', DesiredCount: 0 }],
      gpu: [
        'autoscaling:setDesiredCapacity',
        { AutoScalingGroupName: 'millrace-test-learner', DesiredCapacity: 0, HonorCooldown: false },
      ],
    } as const
    const expected = [['TrainFunctionsOff', strikes.functions] as const]
    if (kind !== 'anywhere') expected.push(['TrainLearnerOff', strikes[kind]] as never)
    for (const [name, [call, input]] of expected) {
      const { inputs, ignoreChanges } = resource(recording, 'scheduler.Schedule', name)
      expect(inputs).toMatchObject({
        groupName: 'millrace-test',
        state: 'DISABLED',
        scheduleExpression: 'at(2099-01-01T00:00:00)',
        scheduleExpressionTimezone: 'UTC',
        actionAfterCompletion: 'NONE',
        flexibleTimeWindow: { mode: 'OFF' },
        target: {
          arn: `arn:aws:scheduler:::aws-sdk:${call}`,
          roleArn: 'arn:aws:iam::123456789012:role/millrace-test-scheduler-487d',
          retryPolicy: { maximumEventAgeInSeconds: 300, maximumRetryAttempts: 5 },
        },
      })
      expect(JSON.parse((inputs['target'] as { input: string }).input)).toEqual(input)
      expect(ignoreChanges).toEqual(['scheduleExpression', 'state'])
    }
  })
})

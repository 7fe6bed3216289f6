import { describe, expect, test } from 'vitest'
import { parseStage } from '../../shared/protocol/stage.ts'
import { bucketName, inputs, resource } from './graph.ts'
import { OTHER, VARIANTS, recorded } from './variants.ts'

const stage = () => recorded(VARIANTS.anywhere)
const DAY = 86_400

describe('functions', () => {
  test.each([
    ['Rollout', 180, 50],
    ['Evaluate', 900, undefined],
  ] as const)(
    '%s has its limits, no variables, no layers, and writes into its own log',
    async (name, timeout, reserved) => {
      const fn = inputs(await stage(), 'lambda.Function', `Train${name}Function`)
      const physical = `millrace-test-${name.toLowerCase()}`
      expect(fn).toMatchObject({
        name: physical,
        packageType: 'Zip',
        handler: 'bundle.handler',
        runtime: 'nodejs24.x',
        architectures: ['arm64'],
        memorySize: 1769,
        timeout,
        loggingConfig: { logGroup: `/aws/lambda/${physical}` },
      })
      expect(fn['reservedConcurrentExecutions']).toBe(reserved)
      for (const absent of ['environment', 'layers', 'vpcConfig', 'fileSystemConfig', 'deadLetterConfig'])
        expect(fn[absent]).toBeUndefined()
    },
  )

  test('an event is never tried again, lives for a minute, and its failure is told to the queue that the learner reads', async () => {
    expect(inputs(await stage(), 'lambda.FunctionEventInvokeConfig', 'TrainRolloutEventInvokeConfig')).toEqual({
      functionName: 'millrace-test-rollout',
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 60,
      destinationConfig: { onFailure: { destination: 'arn:aws:sqs:us-east-1:123456789012:millrace-test-batches' } },
    })
    expect(inputs(await stage(), 'lambda.FunctionEventInvokeConfig', 'TrainEvaluateEventInvokeConfig')).toEqual({
      functionName: 'millrace-test-evaluate',
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 60,
    })
  })

  test('settings reach them: x86_64, memory, time-out, the ceiling and the logs', async () => {
    const recording = await recorded(OTHER)
    expect(inputs(recording, 'lambda.Function', 'TrainRolloutFunction')).toMatchObject({
      name: 'other-test-rollout',
      architectures: ['x86_64'],
      memorySize: 3008,
      timeout: 60,
      reservedConcurrentExecutions: 7,
    })
    expect(inputs(recording, 'cloudwatch.LogGroup', 'TrainRolloutLogGroup')['retentionInDays']).toBe(30)
    const { value } = inputs(recording, 'ssm.Parameter', 'TrainDescription')
    expect(parseStage(String(value)).functionGbSecondUsd).toBe(0.0000166667)
    expect(inputs(recording, 'iam.Role', 'TrainSchedulerRole')['name']).toMatch(/^other-test-scheduler-(?!487d)/)
  })
})

describe('queues', () => {
  test('messages of 1 MiB for a day; what was received five times goes to the dead letters, which stay for two weeks', async () => {
    const recording = await stage()
    const { redrivePolicy, ...queue } = inputs(recording, 'sqs.Queue', 'TrainBatches')
    expect(queue).toEqual({
      name: 'millrace-test-batches',
      maxMessageSize: 1_048_576,
      messageRetentionSeconds: DAY,
      visibilityTimeoutSeconds: 60,
      receiveWaitTimeSeconds: 20,
      sqsManagedSseEnabled: true,
    })
    expect(JSON.parse(String(redrivePolicy))).toEqual({
      deadLetterTargetArn: 'arn:aws:sqs:us-east-1:123456789012:millrace-test-dead-letters',
      maxReceiveCount: 5,
    })
    expect(inputs(recording, 'sqs.Queue', 'TrainDeadLetters')).toEqual({
      name: 'millrace-test-dead-letters',
      maxMessageSize: 1_048_576,
      messageRetentionSeconds: 14 * DAY,
      receiveWaitTimeSeconds: 20,
      sqsManagedSseEnabled: true,
    })
    const { redriveAllowPolicy } = inputs(recording, 'sqs.RedriveAllowPolicy', 'TrainDeadLettersFrom')
    expect(JSON.parse(String(redriveAllowPolicy))).toEqual({
      redrivePermission: 'byQueue',
      sourceQueueArns: ['arn:aws:sqs:us-east-1:123456789012:millrace-test-batches'],
    })
  })
})

describe('bucket', () => {
  test('is closed to the public and to anything but TLS', async () => {
    const recording = await stage()
    expect(inputs(recording, 's3.BucketPublicAccessBlock', 'TrainBucketPublicAccessBlock')).toEqual({
      bucket: bucketName(recording),
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    })
    const { policy } = inputs(recording, 's3.BucketPolicy', 'TrainBucketPolicy')
    expect((JSON.parse(String(policy)) as { Statement: unknown[] }).Statement).toMatchObject([
      { Effect: 'Deny', Action: ['s3:*'], Condition: { Bool: { 'aws:SecureTransport': ['false'] } } },
    ])
  })

  test("keeps a run's code for as long as its learner may stay, and its checkpoints after that", async () => {
    const { rules } = inputs(await recorded(OTHER), 's3.BucketLifecycleConfiguration', 'TrainBucketLifecycle')
    const code = (rules as { id: string; expiration?: unknown }[]).find(({ id }) => id === 'code')
    expect(code?.expiration).toEqual({ days: 720 / 24 + 5 })
  })

  test('empties itself: every prefix has its days, and uploads that were not finished one', async () => {
    const { rules } = inputs(await stage(), 's3.BucketLifecycleConfiguration', 'TrainBucketLifecycle')
    const days = (rules as { filter: { prefix: string }; status: string; expiration?: { days: number } }[]).map(
      ({ filter, status, expiration }) => [filter.prefix, status, expiration?.days],
    )
    expect(days).toEqual([
      ['policies/', 'Enabled', 1],
      ['batches/', 'Enabled', 1],
      ['states/', 'Enabled', 1],
      ['code/', 'Enabled', 365],
      ['graphs/', 'Enabled', 30],
      ['checkpoints/', 'Enabled', 14],
      ['runs/', 'Enabled', 365],
      ['stage/runs/', 'Enabled', 365],
      ['', 'Enabled', undefined],
    ])
    expect(rules).toContainEqual(
      expect.objectContaining({ abortIncompleteMultipartUpload: { daysAfterInitiation: 1 } }),
    )
  })
})

describe('what tells', () => {
  test('alarms see dead letters, functions at their limit and a learner that stays, and with a budget they go by mail', async () => {
    const recording = await stage()
    const topic = 'arn:aws:sns:us-east-1:123456789012:millrace-test-alarms'
    const alarm = (name: string) => inputs(recording, 'cloudwatch.MetricAlarm', name)
    const common = {
      treatMissingData: 'notBreaching',
      comparisonOperator: 'GreaterThanOrEqualToThreshold',
      alarmActions: [topic],
    }
    expect(alarm('TrainDeadLettersAlarm')).toMatchObject({
      ...common,
      metricName: 'ApproximateNumberOfMessagesVisible',
      dimensions: { QueueName: 'millrace-test-dead-letters' },
      threshold: 1,
    })
    expect(alarm('TrainFunctionsAlarm')).toMatchObject({
      ...common,
      metricName: 'ConcurrentExecutions',
      dimensions: { FunctionName: 'millrace-test-rollout' },
      threshold: 50,
      period: 3600,
      evaluationPeriods: 25,
    })
    expect(inputs(recording, 'sns.TopicSubscription', 'TrainAlarmsByMail')).toEqual({
      topic,
      protocol: 'email',
      endpoint: 'someone@example.com',
    })
    const { policy } = inputs(recording, 'sns.TopicPolicy', 'TrainAlarmsFrom')
    expect((JSON.parse(String(policy)) as { Statement: unknown[] }).Statement).toEqual([
      {
        Sid: 'AlarmsOfThisStage',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: topic,
        Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:us-east-1:123456789012:alarm:millrace-test-*' } },
      },
    ])
  })

  test("a budget mails at half and at all of it, and when the month's forecast passes it", async () => {
    const { notifications, ...budget } = inputs(await stage(), 'budgets.Budget', 'TrainBudget')
    expect(budget).toEqual({
      name: 'millrace-test-month-487d',
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      limitAmount: '20',
      limitUnit: 'USD',
    })
    const seen = (notifications as Record<string, unknown>[]).map((n) => [n['notificationType'], n['threshold']])
    expect(seen).toEqual([
      ['ACTUAL', 50],
      ['ACTUAL', 100],
      ['FORECASTED', 100],
    ])
  })

  test('what SST prints at the end leads on: the parameter, and the names that a person would look for', async () => {
    const recording = await stage()
    expect(recording.outputs).toMatchObject({
      parameter: '/millrace/millrace/test',
      bucket: bucketName(recording),
      rolloutFunction: 'millrace-test-rollout',
      evaluateFunction: 'millrace-test-evaluate',
      learner: 'a machine of your own',
    })
    expect(resource(recording, 'millrace:aws:Millrace', 'Train').custom).toBe(false)
  })
})

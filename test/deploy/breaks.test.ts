import { expect, test } from 'vitest'
import { faults } from './expected.ts'
import { type DeployOptions, recordDeploy } from './harness.ts'
import { VARIANTS } from './variants.ts'

// The program is broken on purpose, one way at a time: the check of its graph must see it, and see nothing else.

async function faultsOf(...edits: NonNullable<DeployOptions['edits']>): Promise<string[]> {
  await using recording = await recordDeploy({ settings: VARIANTS.anywhere, edits })
  return faults(recording, 'anywhere')
}

test('a permission that was widened in the data is seen', async () => {
  const found = await faultsOf(['infra/aws/permissions/functions.ts', "['s3:PutObject']", "['s3:*']"])
  expect(found).toEqual([
    'missing TrainRolloutRole: Allow s3:PutObject on s3:BUCKET/batches/*, s3:BUCKET/states/*',
    'unexpected TrainRolloutRole: Allow s3:* on s3:BUCKET/batches/*, s3:BUCKET/states/*',
    'missing TrainRolloutRole: Allow s3:PutObject on s3:BUCKET/batches/*, s3:BUCKET/states/* (by the data)',
    'unexpected TrainRolloutRole: Allow s3:* on s3:BUCKET/batches/*, s3:BUCKET/states/* (by the data)',
  ])
})

test('a permission that is attached beside the data is seen', async () => {
  const found = await faultsOf([
    'infra/sst/functions.ts',
    'permissions: arns.apply(rolloutPermissions)',
    "permissions: arns.apply((a) => [...rolloutPermissions(a), { sid: 'More', actions: ['iam:*'], resources: ['*'], reason: '' }])",
  ])
  expect(found).toEqual([
    'unexpected TrainRolloutRole: Allow iam:* on *',
    'unexpected TrainRolloutRole: Allow iam:* on * (by the data)',
  ])
})

test('a resource that vanished is seen', async () => {
  const found = await faultsOf([
    'infra/sst/queues.ts',
    'new aws.sqs.RedriveAllowPolicy(',
    'void ((..._: unknown[]) => 0)(',
  ])
  expect(found).toEqual(['missing sqs.RedriveAllowPolicy TrainDeadLettersFrom'])
})

test('a function that is missing is seen', async () => {
  const found = await faultsOf(
    ['infra/sst/millrace.ts', 'const evaluate = evaluateFunction(stage, { arns })', 'void evaluateFunction'],
    ['infra/sst/millrace.ts', 'evaluateFunction: evaluate.name', "evaluateFunction: ''"],
  )
  expect(found).toContain('missing lambda.Function TrainEvaluateFunction')
  expect(found.filter((fault) => !fault.includes('TrainEvaluate'))).toEqual([])
})

test('a program that fails is a failure of the command, in its own words', async () => {
  const fails = faultsOf(['infra/sst/millrace.ts', 'monthlyBudget(stage)', "throw new Error('broken on purpose')"])
  await expect(fails).rejects.toThrow(/broken on purpose/)
})

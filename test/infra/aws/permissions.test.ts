import { describe, expect, test } from 'vitest'
import { stageArns } from '../../../infra/aws/arns.ts'
import {
  evaluatePermissions,
  executionPermissions,
  fallbackEventsPermissions,
  fallbackPermissions,
  learnerPermissions,
  peoplePermissions,
  repositoryOf,
  rolloutPermissions,
  schedulerPermissions,
} from '../../../infra/aws/permissions/index.ts'
import { type Statement, policyDocument } from '../../../infra/aws/statement.ts'

const place = {
  app: 'ride',
  stage: 'demo',
  region: 'eu-west-1',
  partition: 'aws',
  account: '123456789012',
  bucket: 'b',
}
const arns = stageArns(place)
const repository = 'arn:aws:ecr:eu-west-1:123456789012:repository/ride-demo-learner'
const template = 'arn:aws:ec2:eu-west-1:123456789012:launch-template/lt-0'
/** What EC2 gives an id: held to the stage by a condition instead. */
const MACHINE_PARTS = /^arn:aws:ec2:eu-west-1:123456789012:(instance|volume)\/\*$/

const policies: Readonly<Record<string, readonly Statement[]>> = {
  rollout: rolloutPermissions(arns),
  evaluate: evaluatePermissions(arns),
  execution: executionPermissions(arns, repository),
  fallback: fallbackPermissions(arns, template),
  fallbackEvents: fallbackEventsPermissions(arns),
  ...Object.fromEntries(
    (['anywhere', 'fargate', 'gpu'] as const).flatMap((kind) => [
      [`learner, ${kind}`, learnerPermissions(arns, kind)],
      [`scheduler, ${kind}`, schedulerPermissions(arns, kind)],
      [`people, ${kind}`, peoplePermissions(arns, kind)],
    ]),
  ),
}

describe.each(Object.entries(policies))('the policy of %s', (_, statements) => {
  test('says why of each statement, and names each once', () => {
    const sids = statements.map(({ sid }) => sid)
    expect(new Set(sids).size).toBe(sids.length)
    for (const { sid, reason } of statements) {
      expect(sid).toMatch(/^[A-Za-z0-9]+$/)
      expect(reason.length).toBeGreaterThan(10)
    }
  })

  test('allows no wildcard in an action, and every resource only where AWS knows none, which the reason says', () => {
    for (const { actions, resources, conditions = [], reason } of statements) {
      for (const action of actions) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/)
      const held = conditions.some(({ test, values }) => test === 'ArnEquals' && values.includes(template))
      if (resources.includes('*') && !held) expect(reason).toMatch(/AWS knows no resource for it/)
      for (const arn of resources) if (arn !== '*') expect(arn).toMatch(/^arn:aws:[a-z0-9]+:/)
    }
  })

  test('fits into a role', () => {
    const json = JSON.stringify(policyDocument(statements))
    expect(json.replaceAll(/\s/g, '').length).toBeLessThan(10_240)
  })

  test('speaks of this stage only', () => {
    for (const { resources, conditions = [] } of statements) {
      if (resources.some((arn) => MACHINE_PARTS.test(arn))) expect(conditions).not.toEqual([])
      for (const arn of resources.filter((each) => each !== '*' && !MACHINE_PARTS.test(each)))
        expect(arn).toMatch(/:::b$|:::b\/|ride-demo|ride\/demo|parameter\/millrace\/ride\/\*$/)
    }
  })
})

test('who runs experiments on a stage needs this and no more', () => {
  const lines = peoplePermissions(arns, 'gpu').map(
    ({ actions, resources }) =>
      `${actions.join(', ')} on ${resources.map((arn) => arn.split(':').slice(5).join(':') || arn).join(', ')}`,
  )
  expect(lines).toEqual([
    'ssm:GetParameter, ssm:GetParametersByPath on parameter/millrace/ride/*',
    's3:GetObject on b/stage/*, b/runs/*',
    's3:PutObject on b/stage/requests/*, b/stage/runs/*, b/runs/*, b/code/*',
    's3:DeleteObject on b/stage/requests/*, b/stage/runs/*, b/runs/*/status.json',
    's3:ListBucket on b',
    'sqs:GetQueueAttributes on ride-demo-dead-letters',
    'lambda:GetFunctionConcurrency, lambda:PutFunctionConcurrency on function:ride-demo-rollout',
    'lambda:InvokeFunction on function:ride-demo-evaluate',
    'scheduler:GetSchedule, scheduler:UpdateSchedule on schedule/ride-demo/*',
    expect.stringMatching(/^iam:PassRole on role\/ride-demo-scheduler-[0-9a-f]{4}$/),
    'logs:FilterLogEvents on log-group:/aws/lambda/ride-demo-rollout:*, log-group:/aws/lambda/ride-demo-evaluate:*, log-group:/millrace/ride/demo/learner:*',
    expect.stringMatching(
      /^autoscaling:SetDesiredCapacity on autoScalingGroup:\*:autoScalingGroupName\/ride-demo-learner$/,
    ),
    'autoscaling:DescribeAutoScalingGroups on *',
  ])
})

test('conditions of one kind stand together in a policy', () => {
  const conditions = [
    { test: 'StringEquals', variable: 'a', values: ['1'] },
    { test: 'StringEquals', variable: 'b', values: ['2', '3'] },
    { test: 'Bool', variable: 'c', values: ['true'] },
  ]
  const [statement] = policyDocument([
    { sid: 'S', actions: ['a:b'], resources: ['r'], conditions, reason: 'r' },
  ]).Statement
  expect(statement?.Condition).toEqual({ StringEquals: { a: ['1'], b: ['2', '3'] }, Bool: { c: ['true'] } })
})

test.each([
  [
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/learner:1',
    'arn:aws:ecr:eu-west-1:123456789012:repository/team/learner',
  ],
  [
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/learner@sha256:0',
    'arn:aws:ecr:eu-west-1:123456789012:repository/learner',
  ],
  ['ghcr.io/someone/learner:1', undefined],
  ['learner', undefined],
])('the repository of the image %s is %s', (image, arn) => {
  expect(repositoryOf(image, 'aws')).toBe(arn)
})

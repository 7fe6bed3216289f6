import {
  evaluatePermissions,
  executionPermissions,
  fallbackEventsPermissions,
  fallbackPermissions,
  imagePermissions,
  learnerPermissions,
  rolloutPermissions,
  schedulerPermissions,
} from '../../infra/aws/permissions/index.ts'
import type { LearnerKind } from '../../infra/aws/settings.ts'
import type { Statement } from '../../infra/aws/statement.ts'
import { arnsOf, inventory, roleLines, statementLines } from './graph.ts'
import type { Recording } from './harness.ts'

// Written out, and not made of the program's own data: what is widened there is seen here.

const COMMON = `
  cloudwatch.LogGroup TrainEvaluateLogGroup
  cloudwatch.LogGroup TrainRolloutLogGroup
  cloudwatch.MetricAlarm TrainDeadLettersAlarm
  cloudwatch.MetricAlarm TrainFunctionsAlarm
  iam.Role TrainEvaluateRole
  iam.Role TrainRolloutRole
  iam.Role TrainSchedulerRole
  lambda.Function TrainEvaluateFunction
  lambda.Function TrainRolloutFunction
  lambda.FunctionEventInvokeConfig TrainEvaluateEventInvokeConfig
  lambda.FunctionEventInvokeConfig TrainRolloutEventInvokeConfig
  s3.Bucket TrainBucketBucket
  s3.BucketLifecycleConfiguration TrainBucketLifecycle
  s3.BucketObjectv2 TrainEvaluateCode
  s3.BucketObjectv2 TrainRolloutCode
  s3.BucketPolicy TrainBucketPolicy
  s3.BucketPublicAccessBlock TrainBucketPublicAccessBlock
  scheduler.Schedule TrainFunctionsOff
  scheduler.ScheduleGroup TrainDeadMan
  sqs.Queue TrainBatches
  sqs.Queue TrainDeadLetters
  sqs.RedriveAllowPolicy TrainDeadLettersFrom
  ssm.Parameter TrainDescription`

const BUDGET = `
  budgets.Budget TrainBudget
  sns.Topic TrainAlarms
  sns.TopicPolicy TrainAlarmsFrom
  sns.TopicSubscription TrainAlarmsByMail`

const LEARNER = `
  cloudwatch.LogGroup TrainLearnerLogGroup
  cloudwatch.MetricAlarm TrainLearnerAlarm
  docker-build:index:Image TrainImage
  ec2.InternetGateway TrainGateway
  ec2.RouteTable TrainRoutes
  ec2.RouteTableAssociation TrainSubnetARoutes
  ec2.RouteTableAssociation TrainSubnetBRoutes
  ec2.RouteTableAssociation TrainSubnetDRoutes
  ec2.SecurityGroup TrainOutward
  ec2.Subnet TrainSubnetA
  ec2.Subnet TrainSubnetB
  ec2.Subnet TrainSubnetD
  ec2.Vpc TrainVpc
  ec2.VpcEndpoint TrainObjectsEndpoint
  ecr.LifecyclePolicy TrainImagesKept
  ecr.Repository TrainImages
  iam.Role TrainLearnerRole
  scheduler.Schedule TrainLearnerOff`

const OWN: Readonly<Record<LearnerKind, string>> = {
  anywhere: BUDGET,
  fargate: `${LEARNER}
    ecs.Cluster TrainCluster
    ecs.Service TrainLearnerService
    ecs.TaskDefinition TrainLearnerTask
    iam.Role TrainExecutionRole`,
  gpu: `${LEARNER}
    autoscaling.Group TrainLearnerGroup
    autoscaling.Policy TrainLearnerEnd
    cloudwatch.EventRule TrainFallbackEvents
    cloudwatch.EventTarget TrainFallbackTarget
    ec2.LaunchTemplate TrainLearnerTemplate
    iam.InstanceProfile TrainLearnerProfile
    iam.Role TrainFallbackEventsRole
    iam.Role TrainFallbackRole
    sfn.StateMachine TrainFallback`,
}

const by = (service: string, condition = ''): string =>
  `Allow sts:AssumeRole to {"Service":"${service}.amazonaws.com"}${condition}`
const only = (arn: string): string =>
  ` if aws:SourceAccount StringEquals 123456789012 and aws:SourceArn ArnEquals ${arn}`
const GROUP = 'autoscaling:autoScalingGroup:*:autoScalingGroupName/millrace-test-learner'
const SERVICE = 'ecs:service/millrace-test/millrace-test-learner'
const LEARNER_LOG = 'Allow logs:CreateLogStream, logs:PutLogEvents on logs:log-group:/millrace/millrace/test/learner:*'
const IMAGE = [
  'Allow ecr:GetAuthorizationToken on *',
  'Allow ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer on ecr:repository/millrace-test-learner',
]

const FUNCTION_ROLES = {
  TrainRolloutRole: [
    by('lambda'),
    'Allow s3:GetObject on s3:BUCKET/policies/*, s3:BUCKET/code/*, s3:BUCKET/graphs/*, s3:BUCKET/runs/*/manifest.json, s3:BUCKET/states/*',
    'Allow s3:PutObject on s3:BUCKET/batches/*, s3:BUCKET/states/*',
    'Allow s3:ListBucket on s3:BUCKET',
    'Allow sqs:SendMessage on sqs:millrace-test-batches',
    'Allow logs:CreateLogStream, logs:PutLogEvents on logs:log-group:/aws/lambda/millrace-test-rollout:*',
  ],
  TrainEvaluateRole: [
    by('lambda'),
    'Allow s3:GetObject on s3:BUCKET/policies/*, s3:BUCKET/runs/*/result/*',
    'Allow s3:ListBucket on s3:BUCKET',
    'Allow logs:CreateLogStream, logs:PutLogEvents on logs:log-group:/aws/lambda/millrace-test-evaluate:*',
  ],
}

const LEARNER_RIGHTS = [
  'Allow s3:GetObject on s3:BUCKET/stage/*, s3:BUCKET/runs/*, s3:BUCKET/code/*, s3:BUCKET/graphs/*, s3:BUCKET/checkpoints/*, s3:BUCKET/batches/*, s3:BUCKET/states/*, s3:BUCKET/policies/*',
  'Allow s3:PutObject on s3:BUCKET/stage/learner.json, s3:BUCKET/runs/*, s3:BUCKET/policies/*, s3:BUCKET/graphs/*, s3:BUCKET/checkpoints/*, s3:BUCKET/states/*',
  'Allow s3:DeleteObject on s3:BUCKET/stage/requests/*, s3:BUCKET/policies/*, s3:BUCKET/batches/*, s3:BUCKET/states/*, s3:BUCKET/checkpoints/*',
  'Allow s3:ListBucket on s3:BUCKET',
  'Allow sqs:ReceiveMessage, sqs:DeleteMessage on sqs:millrace-test-batches',
  'Allow sqs:SendMessage on sqs:millrace-test-dead-letters',
  'Allow lambda:InvokeFunction, lambda:GetFunctionConcurrency, lambda:PutFunctionConcurrency on lambda:function:millrace-test-rollout',
  'Allow scheduler:GetSchedule, scheduler:UpdateSchedule on scheduler:schedule/millrace-test/*',
  'Allow iam:PassRole on iam:role/millrace-test-scheduler-487d if iam:PassedToService StringEquals scheduler.amazonaws.com',
  'Allow ssm:GetParameter on ssm:parameter/millrace/millrace/test',
]

const SCHEDULER = [
  by('scheduler', only('scheduler:schedule-group/millrace-test')),
  'Allow lambda:PutFunctionConcurrency on lambda:function:millrace-test-rollout',
]

const ROLES: Readonly<Record<LearnerKind, Readonly<Record<string, readonly string[]>>>> = {
  anywhere: { ...FUNCTION_ROLES, TrainSchedulerRole: SCHEDULER },
  fargate: {
    ...FUNCTION_ROLES,
    TrainLearnerRole: [by('ecs-tasks'), ...LEARNER_RIGHTS, `Allow ecs:UpdateService on ${SERVICE}`],
    TrainExecutionRole: [by('ecs-tasks'), ...IMAGE, LEARNER_LOG],
    TrainSchedulerRole: [...SCHEDULER, `Allow ecs:UpdateService on ${SERVICE}`],
  },
  gpu: {
    ...FUNCTION_ROLES,
    TrainLearnerRole: [
      by('ec2'),
      ...LEARNER_RIGHTS,
      `Allow autoscaling:SetDesiredCapacity on ${GROUP}`,
      LEARNER_LOG,
      ...IMAGE,
    ],
    TrainSchedulerRole: [...SCHEDULER, `Allow autoscaling:SetDesiredCapacity on ${GROUP}`],
    TrainFallbackRole: [
      by('states', only('states:stateMachine:millrace-test-on-demand')),
      'Allow autoscaling:DescribeAutoScalingGroups on *',
      `Allow autoscaling:UpdateAutoScalingGroup on ${GROUP}`,
      'Allow ec2:RunInstances on * if ec2:LaunchTemplate ArnEquals ec2:launch-template/TrainLearnerTemplate-id',
      'Allow ec2:CreateTags on ec2:instance/*, ec2:volume/* if ec2:CreateAction StringEquals RunInstances',
      'Allow iam:PassRole on iam:role/millrace-test-learner-487d if iam:PassedToService StringEquals ec2.amazonaws.com',
    ],
    TrainFallbackEventsRole: [
      by('events', only('events:rule/millrace-test-on-demand')),
      'Allow states:StartExecution on states:stateMachine:millrace-test-on-demand',
    ],
  },
}

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .sort()

/**
 * What is wrong with a graph, a line a fault; none when every resource is there and no other, every role has its trust and its one
 * policy to the letter, and the policies are those of the permissions as data. `gpu` is with the fallback, `anywhere` with a budget.
 */
export function faults(recording: Pick<Recording, 'resources'>, kind: LearnerKind): string[] {
  const wanted = Object.entries(ROLES[kind]).flatMap(([role, rights]) => rights.map((right) => `${role}: ${right}`))
  const roles = recording.resources.filter(({ type }) => type === 'aws:iam/role:Role').map(({ name }) => name)
  const found = roles.flatMap((role) => roleLines(recording, role).map((right) => `${role}: ${right}`))
  const granted = found.filter((line) => !line.includes(': Allow sts:AssumeRole to '))
  return [
    ...difference(lines(`${COMMON}\n${OWN[kind]}`), inventory(recording)),
    ...difference(wanted, found),
    ...difference(dataLines(recording, kind), granted).map((fault) => `${fault} (by the data)`),
  ]
}

function dataLines(recording: Pick<Recording, 'resources'>, kind: LearnerKind): string[] {
  const arns = arnsOf(recording)
  const repository = 'arn:aws:ecr:us-east-1:123456789012:repository/millrace-test-learner'
  const template = 'arn:aws:ec2:us-east-1:123456789012:launch-template/TrainLearnerTemplate-id'
  const data: Readonly<Record<string, readonly Statement[]>> = {
    TrainRolloutRole: rolloutPermissions(arns),
    TrainEvaluateRole: evaluatePermissions(arns),
    TrainLearnerRole: [...learnerPermissions(arns, kind), ...(kind === 'gpu' ? imagePermissions(repository) : [])],
    TrainExecutionRole: executionPermissions(arns, repository),
    TrainSchedulerRole: schedulerPermissions(arns, kind),
    TrainFallbackRole: fallbackPermissions(arns, template),
    TrainFallbackEventsRole: fallbackEventsPermissions(arns),
  }
  return Object.keys(ROLES[kind]).flatMap((role) =>
    statementLines(recording, data[role] ?? []).map((right) => `${role}: ${right}`),
  )
}

/** Both as bags: a line that is there twice is a fault too. */
function difference(wanted: readonly string[], found: readonly string[]): string[] {
  const left = [...found]
  const missing = wanted.filter((line) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return [...missing.map((line) => `missing ${line}`), ...left.map((line) => `unexpected ${line}`)]
}

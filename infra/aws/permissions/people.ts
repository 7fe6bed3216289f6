import type { LearnerKind } from '../settings.ts'
import type { StageArns } from '../arns.ts'
import type { Statement } from '../statement.ts'
import { pushDeadMan } from './learner.ts'

/**
 * What a person needs who runs experiments on a stage that somebody else deployed: `millrace run`, `status`, `logs`, `stop` and
 * `evaluate`. Deploying and removing need the rights to make what is made, which SST documents.
 */
export function peoplePermissions(arns: StageArns, kind: LearnerKind): readonly Statement[] {
  const objects = (...prefixes: string[]) => prefixes.map((prefix) => `${arns.bucket}/${prefix}`)
  return [
    {
      sid: 'FindStages',
      actions: ['ssm:GetParameter', 'ssm:GetParametersByPath'],
      resources: [arns.parameters],
      reason: 'the description of a stage, and the names of the others where there is none of that name',
    },
    {
      sid: 'ReadRuns',
      actions: ['s3:GetObject'],
      resources: objects('stage/*', 'runs/*'),
      reason: 'status, metrics and results',
    },
    {
      sid: 'AskForRuns',
      actions: ['s3:PutObject'],
      resources: objects('stage/requests/*', 'stage/runs/*', 'runs/*', 'code/*'),
      reason:
        'run: the request, its first status, experiment and env; stop: the wish, and the manifest when no learner is left',
    },
    {
      sid: 'TakeBackRequests',
      actions: ['s3:DeleteObject'],
      resources: objects('stage/requests/*', 'stage/runs/*', 'runs/*/status.json'),
      reason: 'stop: a run that no learner has taken yet; run: one that could not be asked for',
    },
    {
      sid: 'ListRuns',
      actions: ['s3:ListBucket'],
      resources: [arns.bucket],
      reason: 'status; and without it S3 answers "forbidden" instead of "not there"',
    },
    {
      sid: 'CountDeadLetters',
      actions: ['sqs:GetQueueAttributes'],
      resources: [arns.deadLetterQueue],
      reason: 'status: how many messages no learner could use',
    },
    {
      sid: 'StopFunctions',
      actions: ['lambda:GetFunctionConcurrency', 'lambda:PutFunctionConcurrency'],
      resources: [arns.rolloutFunction],
      reason: 'stop: no new rollouts when no learner is left to end them',
    },
    {
      sid: 'Evaluate',
      actions: ['lambda:InvokeFunction'],
      resources: [arns.evaluateFunction],
      reason: 'evaluate --stage',
    },
    ...pushDeadMan(arns),
    {
      sid: 'ReadLogs',
      actions: ['logs:FilterLogEvents'],
      resources: kind === 'anywhere' ? [arns.logs.rollout, arns.logs.evaluate] : Object.values(arns.logs),
      reason: 'logs: what functions and the learner wrote',
    },
    ...wakeLearner(arns, kind),
  ]
}

function wakeLearner(arns: StageArns, kind: LearnerKind): readonly Statement[] {
  const wake = { sid: 'WakeLearner', reason: 'run asks for a learner, stop for none' }
  const see = { sid: 'SeeLearner' }
  if (kind === 'anywhere') return []
  if (kind === 'fargate') {
    return [
      { ...wake, actions: ['ecs:UpdateService'], resources: [arns.service] },
      { ...see, actions: ['ecs:DescribeServices'], resources: [arns.service], reason: 'whether it is up' },
    ]
  }
  return [
    { ...wake, actions: ['autoscaling:SetDesiredCapacity'], resources: [arns.autoScalingGroup] },
    {
      ...see,
      actions: ['autoscaling:DescribeAutoScalingGroups'],
      resources: ['*'],
      reason: 'whether it is up; AWS knows no resource for it',
    },
  ]
}

import type { LearnerKind } from '../settings.ts'
import type { StageArns } from '../arns.ts'
import type { Statement } from '../statement.ts'

/** The learner: task role, instance profile, or what a machine of the user's own needs. */
export function learnerPermissions(arns: StageArns, kind: LearnerKind): readonly Statement[] {
  const objects = (...prefixes: string[]) => prefixes.map((prefix) => `${arns.bucket}/${prefix}`)
  return [
    {
      sid: 'ReadObjects',
      actions: ['s3:GetObject'],
      resources: objects(
        'stage/*',
        'runs/*',
        'code/*',
        'graphs/*',
        'checkpoints/*',
        'batches/*',
        'states/*',
        'policies/*',
      ),
      reason:
        'requests and the claim, the state of runs, experiments, checkpoints, batches too large for a message, and what a checkpoint of a deterministic run holds: where its envs were saved, and policies',
    },
    {
      sid: 'WriteObjects',
      actions: ['s3:PutObject'],
      resources: objects('stage/learner.json', 'runs/*', 'policies/*', 'graphs/*', 'checkpoints/*', 'states/*'),
      reason:
        'its claim, status and results, policies, graphs that functions run, checkpoints, and where the envs of a run that goes on were saved',
    },
    {
      sid: 'DeleteObjects',
      actions: ['s3:DeleteObject'],
      resources: objects('stage/requests/*', 'policies/*', 'batches/*', 'states/*', 'checkpoints/*'),
      reason: 'what is done with: a request, and what only its run needed',
    },
    {
      sid: 'ListObjects',
      actions: ['s3:ListBucket'],
      resources: [arns.bucket],
      reason: 'which runs wait; and without it S3 answers "forbidden" instead of "not there"',
    },
    {
      sid: 'ReceiveBatches',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
      resources: [arns.queue],
      reason: 'sample batches, deleted when they were learned from',
    },
    {
      sid: 'RejectBatches',
      actions: ['sqs:SendMessage'],
      resources: [arns.deadLetterQueue],
      reason: 'a message that can never be used goes there, with the reason',
    },
    {
      sid: 'RunRollouts',
      actions: ['lambda:InvokeFunction', 'lambda:GetFunctionConcurrency', 'lambda:PutFunctionConcurrency'],
      resources: [arns.rolloutFunction],
      reason: 'starts rollouts, and lifts the limit that a dead-man schedule or `millrace stop` set to none',
    },
    ...pushDeadMan(arns),
    {
      sid: 'ReadStage',
      actions: ['ssm:GetParameter'],
      resources: [arns.parameter],
      reason: 'the description of the stage it serves',
    },
    ...ownGroup(arns, kind),
  ]
}

/** An update of a schedule names its role again, so who pushes it on must be allowed to hand that role over. */
export const pushDeadMan = (arns: StageArns): readonly Statement[] => [
  {
    sid: 'PushDeadMan',
    actions: ['scheduler:GetSchedule', 'scheduler:UpdateSchedule'],
    resources: [arns.schedules],
    reason: 'pushes on the schedules that would set functions and learner to none',
  },
  {
    sid: 'KeepDeadManRole',
    actions: ['iam:PassRole'],
    resources: [arns.schedulerRole],
    conditions: [{ test: 'StringEquals', variable: 'iam:PassedToService', values: ['scheduler.amazonaws.com'] }],
    reason: 'an update of a schedule names the role it acts with again',
  },
]

function ownGroup(arns: StageArns, kind: LearnerKind): readonly Statement[] {
  if (kind === 'anywhere') return []
  const end = { sid: 'EndItself', reason: 'sets its own group to none when no run waits' }
  if (kind === 'fargate') return [{ ...end, actions: ['ecs:UpdateService'], resources: [arns.service] }]
  return [
    { ...end, actions: ['autoscaling:SetDesiredCapacity'], resources: [arns.autoScalingGroup] },
    {
      sid: 'WriteLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [arns.logs.learner],
      reason: "Docker writes the container's log with the machine's role",
    },
  ]
}

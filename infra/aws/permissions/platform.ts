import type { LearnerKind } from '../settings.ts'
import type { StageArns } from '../arns.ts'
import type { Condition, Statement } from '../statement.ts'

/** The role of the dead-man schedules: it can only end things. */
export function schedulerPermissions(arns: StageArns, kind: LearnerKind): readonly Statement[] {
  const functions: Statement = {
    sid: 'StopFunctions',
    actions: ['lambda:PutFunctionConcurrency'],
    resources: [arns.rolloutFunction],
    reason: 'no new rollouts when the learner gave no sign of life',
  }
  const end = { sid: 'StopLearner', reason: 'no learner that works on with nobody there' }
  if (kind === 'anywhere') return [functions]
  if (kind === 'fargate') return [functions, { ...end, actions: ['ecs:UpdateService'], resources: [arns.service] }]
  return [functions, { ...end, actions: ['autoscaling:SetDesiredCapacity'], resources: [arns.autoScalingGroup] }]
}

/** Only the schedules of this stage's group may take the role on. */
export const schedulerTrust = (arns: StageArns): readonly Condition[] => [
  { test: 'StringEquals', variable: 'aws:SourceAccount', values: [arns.account] },
  { test: 'ArnEquals', variable: 'aws:SourceArn', values: [arns.scheduleGroup] },
]

/** Fetching the learner's image: none where it is not in a registry of AWS. */
export function imagePermissions(repository: string | undefined): readonly Statement[] {
  if (repository === undefined) return []
  return [
    {
      sid: 'EnterRegistry',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      reason: "a registry's token; AWS knows no resource for it",
    },
    {
      sid: 'FetchImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [repository],
      reason: "the learner's image",
    },
  ]
}

/** The role with which Fargate starts the learner's container. */
export const executionPermissions = (arns: StageArns, repository: string | undefined): readonly Statement[] => [
  ...imagePermissions(repository),
  {
    sid: 'WriteLog',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [arns.logs.learner],
    reason: "the container's log",
  },
]

const REGISTRY = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/

/** The ARN of the repository that an image is in; undefined where that is not AWS's. */
export function repositoryOf(image: string, partition: string): string | undefined {
  const [, account, region, name] = REGISTRY.exec(image) ?? []
  return name === undefined ? undefined : `arn:${partition}:ecr:${region}:${account}:repository/${name}`
}

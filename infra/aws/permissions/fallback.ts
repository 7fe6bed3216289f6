import type { StageArns } from '../arns.ts'
import type { Condition, Statement } from '../statement.ts'

/**
 * The state machine that lets the learner's group buy on demand when there is no spot machine. Auto Scaling asks of whoever changes a group
 * that starts from a launch template what starting its machine by hand would take; the template alone says what that may be.
 *
 * @param template ARN of the group's launch template
 */
export const fallbackPermissions = (arns: StageArns, template: string): readonly Statement[] => [
  {
    sid: 'SeeGroup',
    actions: ['autoscaling:DescribeAutoScalingGroups'],
    resources: ['*'],
    reason: 'whether a machine is there, which a change of what is bought would replace; AWS knows no resource for it',
  },
  {
    sid: 'ChangeWhatIsBought',
    actions: ['autoscaling:UpdateAutoScalingGroup'],
    resources: [arns.autoScalingGroup],
    reason: 'spot or on demand, for the next machine of the one group',
  },
  {
    sid: 'StartItsMachine',
    actions: ['ec2:RunInstances'],
    resources: ['*'],
    conditions: [{ test: 'ArnEquals', variable: 'ec2:LaunchTemplate', values: [template] }],
    reason: "Auto Scaling checks it on whoever changes the group; of the stage's own launch template and no other",
  },
  {
    sid: 'TagItsMachine',
    actions: ['ec2:CreateTags'],
    resources: [arns.instances, arns.volumes],
    conditions: [{ test: 'StringEquals', variable: 'ec2:CreateAction', values: ['RunInstances'] }],
    reason: 'the template names machine and disk, which counts as tagging them when they are made',
  },
  {
    sid: 'GiveItsRole',
    actions: ['iam:PassRole'],
    resources: [arns.learnerRole],
    conditions: [{ test: 'StringEquals', variable: 'iam:PassedToService', values: ['ec2.amazonaws.com'] }],
    reason: "the template gives the machine the learner's role",
  },
]

/** Only that state machine may take the role on. */
export const fallbackTrust = (arns: StageArns): readonly Condition[] => [
  { test: 'StringEquals', variable: 'aws:SourceAccount', values: [arns.account] },
  { test: 'ArnEquals', variable: 'aws:SourceArn', values: [arns.fallbackMachine] },
]

/** The rule that starts it. */
export const fallbackEventsPermissions = (arns: StageArns): readonly Statement[] => [
  {
    sid: 'StartFallback',
    actions: ['states:StartExecution'],
    resources: [arns.fallbackMachine],
    reason: 'when the group could not start a machine, or ended one',
  },
]

/** Only that rule may take its role on. */
export const fallbackEventsTrust = (arns: StageArns): readonly Condition[] => [
  { test: 'StringEquals', variable: 'aws:SourceAccount', values: [arns.account] },
  { test: 'ArnEquals', variable: 'aws:SourceArn', values: [arns.fallbackRule] },
]

import type { StageArns } from '../arns.ts'
import type { Condition, Statement } from '../statement.ts'

/** The state machine that lets the learner's group buy on demand when there is no spot machine. */
export const fallbackPermissions = (arns: StageArns): readonly Statement[] => [
  {
    sid: 'ChangeWhatIsBought',
    actions: ['autoscaling:UpdateAutoScalingGroup'],
    resources: [arns.autoScalingGroup],
    reason: 'spot or on demand, for the next machine of the one group',
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

import type { StageArns } from '../aws/arns.ts'
import type { LearnerHost } from '../../shared/protocol/stage.ts'
import type { Learner } from './learner.ts'
import type { Stage } from './stage.ts'

const HOUR = 3600
/** CloudWatch looks back a week at most. */
const MAX_HOURS = 168
/** A day of functions at their limit is worth a mail, however long the learner may stay. */
const MOST_BUSY_HOURS = 25

/** Alarms, few: what nobody can use, functions that never rest, a learner that should have ended. */
export function stageAlarms(stage: Stage, { host, group }: Learner, arns: $util.Output<StageArns>): void {
  const { name, names, settings, parent } = stage
  const told = alarmTopic(stage, arns)
  // What an alarm says of no data: nothing runs, which is well.
  const common = { comparisonOperator: 'GreaterThanOrEqualToThreshold', treatMissingData: 'notBreaching' }
  const hours = Math.min(Math.ceil(settings.learner.maxHours) + 1, MAX_HOURS)
  const busyHours = Math.min(hours, MOST_BUSY_HOURS)
  new aws.cloudwatch.MetricAlarm(
    `${name}DeadLettersAlarm`,
    {
      ...common,
      name: `${names.prefix}-dead-letters`,
      alarmDescription:
        'Batches arrived that the learner could not use; they lie in the dead-letter queue with the reason',
      namespace: 'AWS/SQS',
      metricName: 'ApproximateNumberOfMessagesVisible',
      dimensions: { QueueName: names.deadLetterQueue },
      statistic: 'Maximum',
      period: 300,
      evaluationPeriods: 1,
      threshold: 1,
      alarmActions: told,
    },
    { parent },
  )
  new aws.cloudwatch.MetricAlarm(
    `${name}FunctionsAlarm`,
    {
      ...common,
      name: `${names.prefix}-functions-at-limit`,
      alarmDescription: `Rollout functions have been at their limit of ${settings.functions.concurrency} for ${busyHours} hours`,
      namespace: 'AWS/Lambda',
      metricName: 'ConcurrentExecutions',
      dimensions: { FunctionName: names.rolloutFunction },
      statistic: 'Maximum',
      period: HOUR,
      evaluationPeriods: busyHours,
      threshold: settings.functions.concurrency,
      alarmActions: told,
    },
    { parent },
  )
  if (host.kind === 'anywhere') return
  new aws.cloudwatch.MetricAlarm(
    `${name}LearnerAlarm`,
    {
      ...common,
      name: `${names.prefix}-learner-too-long`,
      alarmDescription: `A learner has been up for longer than ${settings.learner.maxHours} hours`,
      ...learnerMetric(stage, host),
      period: HOUR,
      evaluationPeriods: hours,
      threshold: 1,
      alarmActions: group === undefined ? told : endGroup(stage, group).apply((end) => told.apply((a) => [...a, end])),
    },
    { parent },
  )
}

function learnerMetric({ names }: Stage, host: Exclude<LearnerHost, { kind: 'anywhere' }>) {
  if (host.kind === 'gpu') {
    const dimensions = { AutoScalingGroupName: names.learner }
    return { namespace: 'AWS/AutoScaling', metricName: 'GroupInServiceInstances', dimensions, statistic: 'Minimum' }
  }
  // The only metric of a service that costs nothing; it is there while a task runs.
  const dimensions = { ClusterName: names.cluster, ServiceName: names.learner }
  return { namespace: 'AWS/ECS', metricName: 'CPUUtilization', dimensions, statistic: 'SampleCount' }
}

/** An alarm can set a group to none by itself. */
function endGroup({ name, names, parent }: Stage, group: aws.autoscaling.Group): $util.Output<string> {
  return new aws.autoscaling.Policy(
    `${name}LearnerEnd`,
    {
      name: `${names.prefix}-end`,
      autoscalingGroupName: group.name,
      policyType: 'SimpleScaling',
      adjustmentType: 'ExactCapacity',
      scalingAdjustment: 0,
    },
    { parent },
  ).arn
}

/** Alarms go to the address of the budget; without one they are seen in CloudWatch only. */
function alarmTopic({ name, names, settings, parent }: Stage, arns: $util.Output<StageArns>): $util.Output<string[]> {
  if (settings.budget === undefined) return $output([])
  const topic = new aws.sns.Topic(`${name}Alarms`, { name: names.topic }, { parent })
  new aws.sns.TopicPolicy(
    `${name}AlarmsFrom`,
    {
      arn: topic.arn,
      policy: arns.apply((arns) =>
        JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'AlarmsOfThisStage',
              Effect: 'Allow',
              Principal: { Service: 'cloudwatch.amazonaws.com' },
              Action: 'sns:Publish',
              Resource: arns.topic,
              Condition: { ArnLike: { 'aws:SourceArn': arns.alarms } },
            },
          ],
        }),
      ),
    },
    { parent },
  )
  new aws.sns.TopicSubscription(
    `${name}AlarmsByMail`,
    { topic: topic.arn, protocol: 'email', endpoint: settings.budget.email },
    { parent },
  )
  return topic.arn.apply((arn) => [arn])
}

import type { StageId } from './names.ts'
import { stageNames } from './names.ts'

export interface StagePlace extends StageId {
  /** `aws`, or that of China or of the US government. */
  readonly partition: string
  readonly account: string
  readonly bucket: string
}

/** The ARNs of a stage's parts, as its permissions name them. */
export function stageArns({ partition, account, bucket, ...id }: StagePlace) {
  const names = stageNames(id)
  const arn = (service: string, rest: string) => `arn:${partition}:${service}:${id.region}:${account}:${rest}`
  return {
    partition,
    account,
    bucket: `arn:${partition}:s3:::${bucket}`,
    queue: arn('sqs', names.queue),
    deadLetterQueue: arn('sqs', names.deadLetterQueue),
    rolloutFunction: arn('lambda', `function:${names.rolloutFunction}`),
    evaluateFunction: arn('lambda', `function:${names.evaluateFunction}`),
    /** The group's id is made by AWS; its name is not. */
    autoScalingGroup: arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${names.learner}`),
    service: arn('ecs', `service/${names.cluster}/${names.learner}`),
    scheduleGroup: arn('scheduler', `schedule-group/${names.scheduleGroup}`),
    schedules: arn('scheduler', `schedule/${names.scheduleGroup}/*`),
    schedulerRole: `arn:${partition}:iam::${account}:role/${names.roles.scheduler}`,
    learnerRole: `arn:${partition}:iam::${account}:role/${names.roles.learner}`,
    /** Of the whole account: EC2 makes the ids. */
    instances: arn('ec2', 'instance/*'),
    volumes: arn('ec2', 'volume/*'),
    fallbackRule: arn('events', `rule/${names.fallback}`),
    fallbackMachine: arn('states', `stateMachine:${names.fallback}`),
    /** Every alarm of the stage. */
    alarms: arn('cloudwatch', `alarm:${names.prefix}-*`),
    topic: arn('sns', names.topic),
    parameter: arn('ssm', `parameter${names.parameter}`),
    /** The parameters of all the app's stages. */
    parameters: arn('ssm', `parameter/millrace/${id.app}/*`),
    /** Their streams: what is written goes into a stream. */
    logs: {
      rollout: arn('logs', `log-group:${names.logGroups.rollout}:*`),
      evaluate: arn('logs', `log-group:${names.logGroups.evaluate}:*`),
      learner: arn('logs', `log-group:${names.logGroups.learner}:*`),
    },
  } as const
}
export type StageArns = ReturnType<typeof stageArns>

import type { StageArns } from '../aws/arns.ts'
import {
  fallbackEventsPermissions,
  fallbackEventsTrust,
  fallbackPermissions,
  fallbackTrust,
} from '../aws/permissions/index.ts'
import { stageRole } from './roles.ts'
import type { Stage } from './stage.ts'

const FAILED = 'EC2 Instance Launch Unsuccessful'
const ENDED = 'EC2 Instance Terminate Successful'

/**
 * A group of mixed machines does not turn to on-demand ones by itself when there are no spot machines to be had. When the group
 * could not start a machine, the next one is bought on demand; when a machine has ended, spot comes first again. A state machine
 * that AWS's own events start: no code, and it costs nothing at rest.
 */
export function onDemandFallback(stage: Stage, arns: $util.Output<StageArns>): void {
  const { name, names, parent } = stage
  const role = stageRole(stage, 'Fallback', {
    name: names.roles.fallback,
    service: 'states.amazonaws.com',
    trust: arns.apply(fallbackTrust),
    permissions: arns.apply(fallbackPermissions),
  })
  const machine = new aws.sfn.StateMachine(
    `${name}Fallback`,
    { name: names.fallback, roleArn: role.arn, definition: arns.apply((arns) => definition(arns, names.learner)) },
    { parent },
  )
  const rule = new aws.cloudwatch.EventRule(
    `${name}FallbackEvents`,
    {
      name: names.fallback,
      description: 'The learner group could not start a machine, or ended one',
      eventPattern: JSON.stringify({
        source: ['aws.autoscaling'],
        'detail-type': [FAILED, ENDED],
        detail: { AutoScalingGroupName: [names.learner] },
      }),
    },
    { parent },
  )
  const events = stageRole(stage, 'FallbackEvents', {
    name: names.roles.events,
    service: 'events.amazonaws.com',
    trust: arns.apply(fallbackEventsTrust),
    permissions: arns.apply(fallbackEventsPermissions),
  })
  new aws.cloudwatch.EventTarget(
    `${name}FallbackTarget`,
    { rule: rule.name, targetId: 'fallback', arn: machine.arn, roleArn: events.arn },
    { parent },
  )
}

function definition({ partition }: StageArns, group: string): string {
  const buy = (onDemandPercent: number) => ({
    Type: 'Task',
    Resource: `arn:${partition}:states:::aws-sdk:autoscaling:updateAutoScalingGroup`,
    Parameters: {
      AutoScalingGroupName: group,
      MixedInstancesPolicy: { InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: onDemandPercent } },
    },
    End: true,
  })
  return JSON.stringify({
    StartAt: 'What happened',
    States: {
      'What happened': {
        Type: 'Choice',
        Choices: [{ Variable: '$.detail-type', StringEquals: FAILED, Next: 'Buy on demand' }],
        Default: 'Buy spot',
      },
      'Buy on demand': buy(100),
      'Buy spot': buy(0),
    },
  })
}

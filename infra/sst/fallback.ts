import type { StageArns } from '../aws/arns.ts'
import {
  fallbackEventsPermissions,
  fallbackEventsTrust,
  fallbackPermissions,
  fallbackTrust,
} from '../aws/permissions/index.ts'
import { stageRole } from './roles.ts'
import type { Stage } from './stage.ts'

export interface FallbackParts {
  readonly arns: $util.Output<StageArns>
  /** The group's launch template. */
  readonly template: aws.ec2.LaunchTemplate
}

const FAILED = 'EC2 Instance Launch Unsuccessful'
const ENDED = 'EC2 Instance Terminate Successful'

/**
 * A group of mixed machines does not turn to on-demand ones by itself when there are no spot machines to be had. When the group
 * could not start a machine, the next one is bought on demand; when a machine has ended and no other is there, spot comes first again. AWS
 * replaces machines that are not as they would now be bought, so this waits for the end of one that is at work. A state machine that AWS's
 * own events start: no code, and it costs nothing at rest.
 */
export function onDemandFallback(stage: Stage, { arns, template }: FallbackParts): void {
  const { name, names, parent } = stage
  const role = stageRole(stage, 'Fallback', {
    name: names.roles.fallback,
    service: 'states.amazonaws.com',
    trust: arns.apply(fallbackTrust),
    permissions: template.arn.apply((template) => arns.apply((arns) => fallbackPermissions(arns, template))),
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
  const call = (operation: string, Parameters: object) => ({
    Type: 'Task',
    Resource: `arn:${partition}:states:::aws-sdk:autoscaling:${operation}`,
    Parameters,
  })
  const buy = (onDemandPercent: number) => ({
    ...call('updateAutoScalingGroup', {
      AutoScalingGroupName: group,
      MixedInstancesPolicy: { InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: onDemandPercent } },
    }),
    End: true,
  })
  return JSON.stringify({
    StartAt: 'What happened',
    States: {
      'What happened': {
        Type: 'Choice',
        Choices: [{ Variable: '$.detail-type', StringEquals: FAILED, Next: 'Buy on demand' }],
        Default: 'Look at the group',
      },
      'Buy on demand': buy(100),
      'Look at the group': {
        ...call('describeAutoScalingGroups', { AutoScalingGroupNames: [group] }),
        Next: 'Is a machine there',
      },
      'Is a machine there': {
        Type: 'Choice',
        Choices: [{ Variable: '$.AutoScalingGroups[0].Instances[0]', IsPresent: true, Next: 'Done' }],
        Default: 'Buy spot',
      },
      Done: { Type: 'Succeed' },
      'Buy spot': buy(0),
    },
  })
}

import { AwsError } from '../awsError.ts'
import { element } from '../s3/xml.ts'
import type { MachineGroup } from './machineGroup.ts'
import { type QueryService, listOf } from './queryFront.ts'
import { REGION, arn } from './wire.ts'

export function autoScaling(groups: ReadonlyMap<string, MachineGroup>): QueryService {
  return {
    service: 'autoscaling',
    version: '2011-01-01',
    namespace: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
    dialect: 'query',
    operations: {
      DescribeAutoScalingGroups: (parameters) => {
        const names = listOf(parameters, 'AutoScalingGroupNames.member')
        const found = [...groups.values()].filter(({ name }) => names.length === 0 || names.includes(name))
        return `<AutoScalingGroups>${found.map(groupXml).join('')}</AutoScalingGroups>`
      },
      SetDesiredCapacity: (parameters) => {
        setCapacity(
          groups,
          parameters.get('AutoScalingGroupName') ?? '',
          Number(parameters.get('DesiredCapacity') ?? NaN),
        )
        return ''
      },
      TerminateInstanceInAutoScalingGroup: (parameters) => {
        const id = parameters.get('InstanceId') ?? ''
        const group = [...groups.values()].find(({ machines }) => machines.some((machine) => machine.id === id))
        if (group === undefined)
          throw invalid(`Instance Id not found - No managed instance found for instance ID: ${id}`)
        if (parameters.get('ShouldDecrementDesiredCapacity') === 'true') group.set(Math.max(0, group.desired - 1))
        group.terminate(id)
        return `<Activity>${[
          element('ActivityId', id),
          element('AutoScalingGroupName', group.name),
          element('Cause', 'an instance was taken out of service in response to a user request'),
          element('StartTime', new Date().toISOString()),
          element('StatusCode', 'InProgress'),
        ].join('')}</Activity>`
      },
    },
  }
}

/** Also a universal target of schedules. @throws AwsError ValidationError */
export function setCapacity(groups: ReadonlyMap<string, MachineGroup>, name: string, capacity: number): void {
  const group = groups.get(name)
  if (group === undefined) throw invalid(`AutoScalingGroup name not found - no such group: ${name}`)
  if (!Number.isInteger(capacity) || capacity < 0) throw invalid('DesiredCapacity must be an integer of at least 0')
  if (capacity > group.max) {
    const above = `New SetDesiredCapacity value ${capacity} is above max value ${group.max} for the AutoScalingGroup.`
    throw invalid(above)
  }
  group.set(capacity)
}

const invalid = (message: string) => new AwsError(400, 'ValidationError', message)

function groupXml(group: MachineGroup): string {
  const zone = `${REGION}a`
  const instances = group.machines
    .filter(({ state }) => state !== 'Terminated')
    .map(({ id, state }) => {
      const fields = [
        element('InstanceId', id),
        element('AvailabilityZone', zone),
        element('LifecycleState', state),
        element('HealthStatus', 'Healthy'),
        element('ProtectedFromScaleIn', false),
      ]
      return `<member>${fields.join('')}</member>`
    })
  const fields = [
    element('AutoScalingGroupName', group.name),
    element('AutoScalingGroupARN', arn('autoscaling', `autoScalingGroup:local:autoScalingGroupName/${group.name}`)),
    element('MinSize', 0),
    element('MaxSize', group.max),
    element('DesiredCapacity', group.desired),
    element('DefaultCooldown', 300),
    `<AvailabilityZones>${element('member', zone)}</AvailabilityZones>`,
    element('HealthCheckType', 'EC2'),
    element('CreatedTime', new Date(group.createdMs).toISOString()),
    `<Instances>${instances.join('')}</Instances>`,
  ]
  return `<member>${fields.join('')}</member>`
}

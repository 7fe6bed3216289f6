import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling'
import { MillraceError } from '../../errors.ts'
import type { AwsOptions } from '../endpoints.ts'
import type { LearnerGroup } from '../ports.ts'
import { controlConfig } from './config.ts'
import { asking } from './problem.ts'

/** An auto-scaling group of none or one machine. */
export function autoScalingGroup(name: string, options: AwsOptions = {}): LearnerGroup {
  const client = new AutoScalingClient(controlConfig('AUTO_SCALING', options))
  return {
    async size() {
      const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })
      const { AutoScalingGroups = [] } = await asking(`cannot look at the group ${name}`, client.send(command))
      const [group] = AutoScalingGroups
      if (group === undefined) throw gone(`the auto-scaling group ${name}`)
      const running = (group.Instances ?? []).filter(({ LifecycleState }) => LifecycleState === 'InService').length
      return { desired: group.DesiredCapacity ?? 0, running }
    },
    async set(desired) {
      const input = { AutoScalingGroupName: name, DesiredCapacity: desired, HonorCooldown: false }
      await asking(`cannot set the group ${name} to ${desired}`, client.send(new SetDesiredCapacityCommand(input)))
    },
  }
}

/** Something that the stage's description names no longer exists. */
export const gone = (what: string): MillraceError =>
  new MillraceError('E_STAGE', `${what} of the stage does not exist any more; deploy the stage again`)

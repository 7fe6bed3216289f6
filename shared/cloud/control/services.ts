import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs'
import type { AwsOptions } from '../endpoints.ts'
import type { LearnerGroup } from '../ports.ts'
import { controlConfig } from './config.ts'
import { gone } from './groups.ts'
import { asking } from './problem.ts'

/** A service of none or one task on Fargate. */
export function ecsService(
  { cluster, service }: { cluster: string; service: string },
  options: AwsOptions = {},
): LearnerGroup {
  const client = new ECSClient(controlConfig('ECS', options))
  return {
    async size() {
      const command = new DescribeServicesCommand({ cluster, services: [service] })
      const { services = [] } = await asking(`cannot look at the service ${service}`, client.send(command))
      const found = services.find(({ status }) => status !== 'INACTIVE')
      if (found === undefined) throw gone(`the service ${service}`)
      return { desired: found.desiredCount ?? 0, running: found.runningCount ?? 0 }
    },
    async set(desired) {
      const command = new UpdateServiceCommand({ cluster, service, desiredCount: desired })
      await asking(`cannot set the service ${service} to ${desired}`, client.send(command))
    },
  }
}

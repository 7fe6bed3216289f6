import { z } from 'zod'
import { AwsError } from '../awsError.ts'
import type { JsonService } from './jsonFront.ts'
import type { MachineGroup } from './machineGroup.ts'
import { arn, operation } from './wire.ts'

/** Services by `cluster/service`. */
export type Services = ReadonlyMap<string, MachineGroup>

const Update = z.strictObject({
  cluster: z.string().default('default'),
  service: z.string(),
  desiredCount: z.number().int().min(0).optional(),
  forceNewDeployment: z.boolean().optional(),
})

export function ecs(services: Services): JsonService {
  return {
    service: 'ecs',
    target: 'AmazonEC2ContainerServiceV20141113',
    operations: {
      UpdateService: operation(Update, (input) => ({ service: updateService(services, input) })),
      DescribeServices: operation(
        z.strictObject({ cluster: z.string().default('default'), services: z.array(z.string()).min(1).max(10) }),
        ({ cluster, services: names }) => {
          const ofCluster = clusterOf(services, cluster)
          const found = names.flatMap((name) => ofCluster.find((one) => one.service === last(name)) ?? [])
          const missing = names.filter((name) => !ofCluster.some((one) => one.service === last(name)))
          return {
            services: found.map(view),
            failures: missing.map((name) => ({
              arn: arn('ecs', `service/${last(cluster)}/${last(name)}`),
              reason: 'MISSING',
            })),
          }
        },
      ),
    },
  }
}

interface Found {
  readonly cluster: string
  readonly service: string
  readonly group: MachineGroup
}

/** Also a universal target of schedules. @throws AwsError ServiceNotFoundException, ClusterNotFoundException, InvalidParameterException */
export function updateService(services: Services, input: z.output<typeof Update>): object {
  const found = clusterOf(services, input.cluster).find(({ service }) => service === last(input.service))
  if (found === undefined) throw new AwsError(400, 'ServiceNotFoundException', 'Service not found.')
  const { desiredCount = found.group.desired } = input
  if (desiredCount > found.group.max) {
    const message = `the emulated service may have ${found.group.max} at most, got ${desiredCount}`
    throw new AwsError(400, 'InvalidParameterException', message)
  }
  found.group.set(desiredCount)
  return view(found)
}

function clusterOf(services: Services, cluster: string): readonly Found[] {
  const found = [...services]
    .filter(([key]) => key.startsWith(`${last(cluster)}/`))
    .map(([key, group]) => ({ cluster: last(cluster), service: last(key), group }))
  if (found.length === 0) throw new AwsError(400, 'ClusterNotFoundException', 'Cluster not found.')
  return found
}

/** A name, from itself or an ARN. */
const last = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

function view({ cluster, service, group }: Found): object {
  const pending = group.machines.filter(({ state }) => state === 'Pending').length
  return {
    serviceArn: arn('ecs', `service/${cluster}/${service}`),
    serviceName: service,
    clusterArn: arn('ecs', `cluster/${cluster}`),
    status: 'ACTIVE',
    desiredCount: group.desired,
    runningCount: group.running,
    pendingCount: pending,
    launchType: 'FARGATE',
    schedulingStrategy: 'REPLICA',
    createdAt: group.createdMs / 1000,
  }
}

import { MillraceError } from '../../shared/errors.ts'
import { imagePermissions, learnerPermissions } from '../aws/permissions/index.ts'
import type { StageSettings } from '../aws/settings.ts'
import { onDemandFallback } from './fallback.ts'
import { learnerImage } from './image.ts'
import type { LearnerParts } from './learner.ts'
import { type Network, learnerNetwork } from './network.ts'
import { stageRole } from './roles.ts'
import type { Stage } from './stage.ts'
import { userData } from './userData.ts'

export interface GpuParts extends LearnerParts {
  readonly learner: Extract<StageSettings['learner'], { kind: 'gpu' }>
  readonly logs: aws.cloudwatch.LogGroup
}

/** AWS keeps the newest of these images in a parameter of this name; EC2 looks it up whenever a machine starts. */
const MACHINE_IMAGE = 'resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id'

/** The learner on a group of none or one GPU machine, bought on the spot market. */
export function gpuLearner(stage: Stage, { arns, learner, logs }: GpuParts): aws.autoscaling.Group {
  const { name, names, parent } = stage
  const image = learnerImage(stage, learner.engine, learner.image)
  const network = learnerNetwork(stage)
  const role = stageRole(stage, 'Learner', {
    name: names.roles.learner,
    service: 'ec2.amazonaws.com',
    permissions: image.repository.apply((repository) =>
      arns.apply((arns) => [...learnerPermissions(arns, 'gpu'), ...imagePermissions(repository)]),
    ),
  })
  const profile = new aws.iam.InstanceProfile(
    `${name}LearnerProfile`,
    { name: names.roles.learner, role: role.name },
    { parent },
  )
  const template = launchTemplate(stage, {
    instanceProfile: profile.arn,
    securityGroupId: network.securityGroupId,
    diskGb: learner.diskGb,
    script: startScript(stage, image, logs),
  })
  const group = new aws.autoscaling.Group(
    `${name}LearnerGroup`,
    {
      name: names.learner,
      minSize: 0,
      maxSize: 1,
      desiredCapacity: 0,
      vpcZoneIdentifiers: subnetsWith(learner.instanceTypes, network, stage),
      // AWS says when a spot machine is at risk, and starts the next one before it is taken.
      capacityRebalance: true,
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: 0,
          spotAllocationStrategy: 'price-capacity-optimized',
        },
        launchTemplate: {
          launchTemplateSpecification: {
            launchTemplateId: template.id,
            version: template.latestVersion.apply((version) => String(version)),
          },
          overrides: learner.instanceTypes.map((instanceType) => ({ instanceType })),
        },
      },
      metricsGranularity: '1Minute',
      enabledMetrics: ['GroupInServiceInstances'],
      // A deployment does not wait for a machine, and a removal not for its end.
      waitForCapacityTimeout: '0',
      forceDelete: true,
      tags: [{ key: 'Name', value: names.learner, propagateAtLaunch: true }],
    },
    // Runs set it to one and back, and the fallback what is bought; a deployment leaves both as they are.
    {
      parent,
      ignoreChanges: [
        'desiredCapacity',
        'mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity',
      ],
    },
  )
  if (learner.onDemandFallback) onDemandFallback(stage, { arns, template })
  return group
}

/**
 * The subnets in whose zones AWS has one of the types: a group goes on trying in a zone that has none.
 *
 * @throws MillraceError E_REGION, when it is deployed, where no zone has one
 */
function subnetsWith(types: readonly string[], { subnets }: Network, { settings, parent }: Stage) {
  const filters = [{ name: 'instance-type', values: [...types] }]
  const offered = aws.ec2.getInstanceTypeOfferingsOutput({ locationType: 'availability-zone', filters }, { parent })
  return offered.locations.apply((zones) =>
    subnets.apply((subnets) => {
      const fitting = subnets.filter(({ zone }) => zones.includes(zone))
      if (fitting.length > 0) return fitting.map(({ id }) => id)
      const sentence = `no zone of ${settings.region} has ${types.join(' or ')}; name others in learner.instanceTypes, or choose another region`
      throw new MillraceError('E_REGION', sentence)
    }),
  )
}

function startScript(
  { settings, names }: Stage,
  image: ReturnType<typeof learnerImage>,
  logs: aws.cloudwatch.LogGroup,
): $util.Output<string> {
  return image.repository.apply((repository) =>
    $resolve([image.uri, logs.name]).apply(([uri, logGroup]) => {
      const registry = repository === undefined ? undefined : uri.slice(0, uri.indexOf('/'))
      return userData({ image: uri, registry, region: settings.region, parameter: names.parameter, logGroup })
    }),
  )
}

interface Machine {
  readonly instanceProfile: $util.Output<string>
  readonly securityGroupId: $util.Output<string>
  readonly diskGb: number
  readonly script: $util.Output<string>
}

function launchTemplate({ name, names, parent }: Stage, machine: Machine): aws.ec2.LaunchTemplate {
  return new aws.ec2.LaunchTemplate(
    `${name}LearnerTemplate`,
    {
      name: names.learner,
      imageId: MACHINE_IMAGE,
      updateDefaultVersion: true,
      instanceInitiatedShutdownBehavior: 'terminate',
      iamInstanceProfile: { arn: machine.instanceProfile },
      vpcSecurityGroupIds: [machine.securityGroupId],
      // Sessions instead of bare requests; two hops, since it is a container on the machine that asks for credentials.
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 2 },
      blockDeviceMappings: [
        {
          deviceName: '/dev/xvda',
          ebs: { volumeSize: machine.diskGb, volumeType: 'gp3', encrypted: 'true', deleteOnTermination: 'true' },
        },
      ],
      tagSpecifications: ['instance', 'volume'].map((resourceType) => ({
        resourceType,
        tags: { Name: names.learner },
      })),
      userData: machine.script.apply((script) => Buffer.from(script).toString('base64')),
    },
    { parent },
  )
}

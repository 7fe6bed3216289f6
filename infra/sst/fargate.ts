import { executionPermissions, learnerPermissions } from '../aws/permissions/index.ts'
import type { StageSettings } from '../aws/settings.ts'
import { learnerImage } from './image.ts'
import type { LearnerParts } from './learner.ts'
import { learnerNetwork } from './network.ts'
import { stageRole } from './roles.ts'
import type { Stage } from './stage.ts'

export interface FargateParts extends LearnerParts {
  readonly learner: Extract<StageSettings['learner'], { kind: 'fargate' }>
  readonly logs: aws.cloudwatch.LogGroup
}

/** Fargate's longest wait between SIGTERM and the end: time for a last checkpoint. */
const STOP_SECONDS = 120

/** The learner as a service of none or one task, on CPUs. */
export function fargateLearner(stage: Stage, { arns, learner, logs }: FargateParts): void {
  const { name, names, settings, parent } = stage
  const image = learnerImage(stage, 'onnxruntime-cpu', learner.image)
  const network = learnerNetwork(stage)
  const cluster = new aws.ecs.Cluster(`${name}Cluster`, { name: names.cluster }, { parent })
  const service = 'ecs-tasks.amazonaws.com'
  const taskRole = stageRole(stage, 'Learner', {
    name: names.roles.learner,
    service,
    permissions: arns.apply((arns) => learnerPermissions(arns, 'fargate')),
  })
  const executionRole = stageRole(stage, 'Execution', {
    name: names.roles.execution,
    service,
    permissions: image.repository.apply((repository) => arns.apply((arns) => executionPermissions(arns, repository))),
  })
  const container = {
    name: 'learner',
    image: image.uri,
    essential: true,
    command: ['learner', '--parameter', names.parameter],
    environment: [{ name: 'AWS_REGION', value: settings.region }],
    stopTimeout: STOP_SECONDS,
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': logs.name,
        'awslogs-region': settings.region,
        'awslogs-stream-prefix': 'learner',
      },
    },
  }
  const task = new aws.ecs.TaskDefinition(
    `${name}LearnerTask`,
    {
      family: names.learner,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: String(learner.vcpu * 1024),
      memory: String(learner.memoryGb * 1024),
      runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
      taskRoleArn: taskRole.arn,
      executionRoleArn: executionRole.arn,
      containerDefinitions: $jsonStringify([container]),
    },
    { parent },
  )
  new aws.ecs.Service(
    `${name}LearnerService`,
    {
      name: names.learner,
      cluster: cluster.arn,
      taskDefinition: task.arn,
      launchType: 'FARGATE',
      desiredCount: 0,
      // Never two at once: the old one ends before the new one starts.
      deploymentMinimumHealthyPercent: 0,
      deploymentMaximumPercent: 100,
      networkConfiguration: {
        subnets: network.subnets.apply((subnets) => subnets.map(({ id }) => id)),
        securityGroups: [network.securityGroupId],
        assignPublicIp: true,
      },
      waitForSteadyState: false,
    },
    // Runs set it to one and back; a deployment leaves it as it is.
    { parent, ignoreChanges: ['desiredCount'] },
  )
}

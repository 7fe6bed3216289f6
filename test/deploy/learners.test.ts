import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { inputs, resource, short } from './graph.ts'
import { recordDeploy } from './harness.ts'
import { VARIANTS, recorded } from './variants.ts'

const text = (base64: unknown): string => Buffer.from(String(base64), 'base64').toString()

describe.each(['fargate', 'gpu'] as const)('the network of a %s learner', (kind) => {
  test('is a public subnet in each zone that is there for everybody, lets nothing in, reaches S3 by its own way, and has nothing that costs at rest', async () => {
    const recording = await recorded(VARIANTS[kind])
    const types = new Set(recording.resources.map(({ type }) => short(type)))
    for (const dear of ['ec2.NatGateway', 'ec2.Eip', 'ec2.Instance', 'lb.LoadBalancer', 'route53.Zone'])
      expect(types).not.toContain(dear)
    expect(inputs(recording, 'ec2.SecurityGroup', 'TrainOutward')).toMatchObject({
      name: 'learner-millrace-test', // 'sg-…' is EC2's own, and an app may be called sg
      ingress: [],
    })
    const subnets = recording.resources.filter(({ type }) => type === 'aws:ec2/subnet:Subnet')
    expect(subnets.map(({ inputs }) => [inputs['availabilityZone'], inputs['cidrBlock']])).toEqual([
      ['us-east-1a', '10.77.0.0/20'],
      ['us-east-1b', '10.77.16.0/20'],
      ['us-east-1d', '10.77.48.0/20'],
    ])
    expect(inputs(recording, 'ec2.VpcEndpoint', 'TrainObjectsEndpoint')).toMatchObject({
      serviceName: 'com.amazonaws.us-east-1.s3',
      vpcEndpointType: 'Gateway',
    })
  })

  test('the image is built from the package for the engine asked for, into a repository of its own', async () => {
    const recording = await recorded(VARIANTS[kind])
    const image = inputs(recording, 'docker-build:index:Image', 'TrainImage')
    expect(image).toMatchObject({
      buildArgs: { ENGINE: kind === 'gpu' ? 'onnxruntime-cuda' : 'onnxruntime-cpu' },
      platforms: ['linux/amd64'],
      push: true,
      tags: [expect.stringMatching(/^123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com\/millrace-test-learner:\d/)],
    })
    const { location } = image['context'] as { location: string }
    expect((image['dockerfile'] as { location: string }).location).toBe(`${location}/infra/learner.Dockerfile`)
  })
})

describe('an image that settings name', () => {
  test('is used as it is: nothing is built, and the machine logs in nowhere', async () => {
    const learner = { kind: 'gpu', image: 'ghcr.io/someone/learner:1' } as const
    const recording = await recorded({ app: 'millrace', region: 'us-east-1', learner })
    const types = recording.resources.map(({ type }) => short(type))
    expect(types.filter((type) => /^(ecr\.|docker|sfn)/.test(type))).toEqual([])
    const script = text(inputs(recording, 'ec2.LaunchTemplate', 'TrainLearnerTemplate')['userData'])
    expect(script).toContain(' ghcr.io/someone/learner:1 learner --parameter ')
    expect(script).not.toContain('ecr')
  })
})

describe('fargate', () => {
  const stage = () => recorded(VARIANTS.fargate)

  test('is a service of no task until a run asks for one, and never of two', async () => {
    const { inputs, ignoreChanges } = resource(await stage(), 'ecs.Service', 'TrainLearnerService')
    expect(inputs).toMatchObject({
      name: 'millrace-test-learner',
      launchType: 'FARGATE',
      desiredCount: 0,
      deploymentMinimumHealthyPercent: 0,
      deploymentMaximumPercent: 100,
      networkConfiguration: { assignPublicIp: true },
    })
    expect(ignoreChanges).toEqual(['desiredCount'])
  })

  test('runs the learner for its stage, with two minutes for a last checkpoint', async () => {
    const task = inputs(await stage(), 'ecs.TaskDefinition', 'TrainLearnerTask')
    expect(task).toMatchObject({
      cpu: '4096',
      memory: '8192',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
    })
    expect(JSON.parse(String(task['containerDefinitions']))).toMatchObject([
      {
        command: ['learner', '--parameter', '/millrace/millrace/test'],
        environment: [{ name: 'AWS_REGION', value: 'us-east-1' }],
        stopTimeout: 120,
        logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/millrace/millrace/test/learner' } },
      },
    ])
  })

  test('is told of by an alarm when it is up for longer than it may be', async () => {
    expect(inputs(await stage(), 'cloudwatch.MetricAlarm', 'TrainLearnerAlarm')).toMatchObject({
      namespace: 'AWS/ECS',
      dimensions: { ClusterName: 'millrace-test', ServiceName: 'millrace-test-learner' },
      evaluationPeriods: 25,
    })
  })
})

describe('gpu', () => {
  const stage = () => recorded(VARIANTS.gpu)

  test('is a group of no machine until a run asks for one, on the spot market, of any of the types', async () => {
    const { inputs, ignoreChanges } = resource(await stage(), 'autoscaling.Group', 'TrainLearnerGroup')
    expect(inputs).toMatchObject({
      minSize: 0,
      maxSize: 1,
      desiredCapacity: 0,
      capacityRebalance: true,
      mixedInstancesPolicy: {
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: 0,
          spotAllocationStrategy: 'price-capacity-optimized',
        },
        launchTemplate: {
          overrides: [{ instanceType: 'g6.xlarge' }, { instanceType: 'g5.xlarge' }, { instanceType: 'g4dn.xlarge' }],
        },
      },
    })
    expect(ignoreChanges).toContain('desiredCapacity')
  })

  test('its machine is looked for in the zones that have one of its types, and a region where none has is refused', async () => {
    expect(inputs(await stage(), 'autoscaling.Group', 'TrainLearnerGroup')['vpcZoneIdentifiers']).toEqual([
      'TrainSubnetA-id',
      'TrainSubnetB-id',
    ])
    const learner = { kind: 'gpu' as const, instanceTypes: ['g9.xlarge'], usdPerHour: 3 }
    const nowhere = recordDeploy({ settings: { app: 'millrace', region: 'us-east-1', learner } })
    await expect(nowhere).rejects.toThrow(
      'no zone of us-east-1 has g9.xlarge; name others in learner.instanceTypes, or choose another region',
    )
  })

  test('its machine asks for sessions, has an encrypted disk that goes with it, and ends when it is switched off', async () => {
    expect(inputs(await stage(), 'ec2.LaunchTemplate', 'TrainLearnerTemplate')).toMatchObject({
      imageId: 'resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id',
      instanceInitiatedShutdownBehavior: 'terminate',
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 2 },
      blockDeviceMappings: [{ ebs: { encrypted: 'true', deleteOnTermination: 'true', volumeSize: 60 } }],
    })
  })

  test('its machine starts the container with the GPUs, for its stage, into its log, and is gone when the learner is', async () => {
    const script = text(inputs(await stage(), 'ec2.LaunchTemplate', 'TrainLearnerTemplate')['userData'])
    expect(script.startsWith('#!/bin/bash\n')).toBe(true)
    execFileSync('bash', ['-n'], { input: script })
    expect(script).toContain('docker run --name learner --rm --gpus all ')
    expect(script).toContain('--env AWS_REGION=us-east-1 ')
    expect(script).toContain('--log-opt awslogs-group=/millrace/millrace/test/learner ')
    expect(script).toContain('learner --parameter /millrace/millrace/test\n')
    expect(script).toContain('{"123456789012.dkr.ecr.us-east-1.amazonaws.com":"ecr-login"}')
    expect(script).not.toMatch(/@[A-Z]+@|undefined|Output</)
  })

  test('its container waits for the driver, is started again when it fails, and the machine goes at its good end or at the fifth bad one', async () => {
    const script = text(inputs(await stage(), 'ec2.LaunchTemplate', 'TrainLearnerTemplate')['userData'])
    const [, unit = ''] = /<<'UNIT'\n(.*)\nUNIT\n/s.exec(script) ?? []
    const [head = '', service = ''] = unit.split('[Service]')
    expect(head).toMatch(/^After=.*\bnvidia-kmod-load\.service\b/m)
    expect(head).toMatch(/^Wants=.*\bnvidia-kmod-load\.service\b/m)
    expect(head).toMatch(/^StartLimitIntervalSec=900\nStartLimitBurst=5\nStartLimitAction=poweroff$/m)
    expect(service).toMatch(/^Restart=on-failure$/m)
    // systemd takes these at the first failure, before it starts the unit again.
    expect(unit).not.toMatch(/^(Success|Failure)Action=/m)
    expect(service).toContain(
      `\nExecStopPost=/bin/sh -c 'if [ "$SERVICE_RESULT" = success ]; then systemctl --no-block poweroff; fi'\n`,
    )
    // Docker 25, as the machine's image has it, knows no --timeout.
    expect(service).toContain('\nExecStop=/usr/bin/docker stop -t 100 learner\n')
  })

  test('an alarm ends it when it is up for longer than it may be', async () => {
    const recording = await stage()
    expect(inputs(recording, 'cloudwatch.MetricAlarm', 'TrainLearnerAlarm')).toMatchObject({
      metricName: 'GroupInServiceInstances',
      statistic: 'Minimum',
      evaluationPeriods: 25,
      alarmActions: ['arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:*:policyName/millrace-test-end'],
    })
    expect(inputs(recording, 'autoscaling.Policy', 'TrainLearnerEnd')).toMatchObject({
      autoscalingGroupName: 'millrace-test-learner',
      adjustmentType: 'ExactCapacity',
      scalingAdjustment: 0,
    })
  })

  test('with the fallback, a failed start makes the next machine an on-demand one, and an end makes spot come first again', async () => {
    const recording = await stage()
    const { eventPattern } = inputs(recording, 'cloudwatch.EventRule', 'TrainFallbackEvents')
    expect(JSON.parse(String(eventPattern))).toEqual({
      source: ['aws.autoscaling'],
      'detail-type': ['EC2 Instance Launch Unsuccessful', 'EC2 Instance Terminate Successful'],
      detail: { AutoScalingGroupName: ['millrace-test-learner'] },
    })
    const machine = JSON.parse(String(inputs(recording, 'sfn.StateMachine', 'TrainFallback')['definition'])) as {
      States: Record<string, { Parameters?: { MixedInstancesPolicy: unknown }; Default?: string; Next?: string }>
    }
    const buys = (name: string) => machine.States[name]?.Parameters?.MixedInstancesPolicy
    expect(buys('Buy on demand')).toEqual({ InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 100 } })
    expect(buys('Buy spot')).toEqual({ InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 0 } })
    // AWS replaces a machine that is not as it would now be bought: spot comes first again when none is there.
    const { States } = machine
    expect(States['What happened']?.Default).toBe('Look at the group')
    expect(States['Look at the group']).toEqual({
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:autoscaling:describeAutoScalingGroups',
      Parameters: { AutoScalingGroupNames: ['millrace-test-learner'] },
      Next: 'Is a machine there',
    })
    expect(States['Is a machine there']).toEqual({
      Type: 'Choice',
      Choices: [{ Variable: '$.AutoScalingGroups[0].Instances[0]', IsPresent: true, Next: 'Done' }],
      Default: 'Buy spot',
    })
    expect(States['Done']).toEqual({ Type: 'Succeed' })
  })
})

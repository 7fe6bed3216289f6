import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMULATED_INSTANCE, type LearnerHost, type StageDescription } from '../../shared/protocol/stage.ts'
import { US_EAST_1, functionGbSecondUsd } from '../../shared/cost/priceBook.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { NEVER, deadManStrikes } from '../aws/deadMan.ts'
import { learnerHourUsd } from '../aws/learnerHour.ts'
import { EVALUATE_SECONDS, EVENTS } from '../aws/limits.ts'
import { type StageNames, stageNames } from '../aws/names.ts'
import { type StageSettings, type StageSettingsInput, settings } from '../aws/settings.ts'
import type { LocalCloud } from '../local/cloud.ts'
import type { MachineCommand } from '../local/control/index.ts'
import type { MachineGroup } from '../local/control/machineGroup.ts'
import { packageRoot } from '../local/packageRoot.ts'
import { ACCOUNT } from '../local/sqs/wire.ts'
import { createQueues } from './queues.ts'

export interface StageOptions {
  /** 'demo' unless told. */
  readonly stage?: string
  /** As in millrace.settings.ts; without it an app called 'millrace' with every default. */
  readonly settings?: StageSettings
  /** What the learner runs on: what the settings say, but a group even where they say 'anywhere'. */
  readonly learner?: LearnerHost['kind']
  /** What a machine of the group runs instead of `millrace learner`. */
  readonly command?: MachineCommand
  /** More variables for the learner's process. */
  readonly environment?: Readonly<Record<string, string>>
  /** For tests, which cannot wait for minutes. */
  readonly heartbeatSeconds?: number
  readonly deadManSeconds?: number
  readonly idleMinutes?: number
  readonly checkpointSeconds?: number
}

export interface ProvisionedStage {
  readonly description: StageDescription
  readonly names: StageNames
  /** The learner's, where it has one. */
  readonly group: MachineGroup | undefined
}

const DEFAULTS: StageSettingsInput = { app: 'millrace', region: 'us-east-1' }

/** Makes in an emulated cloud what deploying makes on AWS: everything that a stage's description names, and the description. */
export function provisionStage(cloud: LocalCloud, options: StageOptions = {}): ProvisionedStage {
  const { stage = 'demo', settings: chosen = settings(DEFAULTS) } = options
  const names = stageNames({ app: chosen.app, stage, region: chosen.region })
  const bucket = names.prefix
  if (!cloud.s3.hasBucket(bucket)) cloud.s3.createBucket(bucket)
  createQueues(cloud, names)
  createFunctions(cloud, { names, settings: chosen })
  for (const group of Object.values(names.logGroups)) cloud.control.logs.create(group)
  const { learner, group } = createLearner(cloud, { names, settings: chosen, options })
  createSchedules(cloud, { names, learner })
  const url = (queue: string) => `${cloud.endpoint}/${ACCOUNT}/${queue}`
  const description: StageDescription = {
    format: 1,
    app: chosen.app,
    stage,
    region: chosen.region,
    millrace: installedVersion(),
    bucket,
    queueUrl: url(names.queue),
    deadLetterQueueUrl: url(names.deadLetterQueue),
    rolloutFunction: names.rolloutFunction,
    evaluateFunction: names.evaluateFunction,
    concurrency: chosen.functions.concurrency,
    memoryMb: chosen.functions.memoryMb,
    functionGbSecondUsd: functionGbSecondUsd(US_EAST_1, chosen.functions.architecture),
    timeoutSeconds: chosen.functions.timeoutSeconds,
    heartbeatSeconds: options.heartbeatSeconds ?? chosen.heartbeatSeconds,
    learner,
    learnerHourUsd: learnerHourUsd(chosen.learner),
    checkpointSeconds: options.checkpointSeconds ?? chosen.checkpointSeconds,
    idleMinutes: options.idleMinutes ?? chosen.learner.idleMinutes,
    maxHours: chosen.learner.maxHours,
    deadMan: {
      group: names.scheduleGroup,
      schedules: deadManStrikes(names, learner).map(({ name }) => name),
      afterSeconds: options.deadManSeconds ?? chosen.deadManMinutes * 60,
    },
    logGroups: {
      rollout: names.logGroups.rollout,
      evaluate: names.logGroups.evaluate,
      learner: names.logGroups.learner,
    },
  }
  cloud.control.parameters.put(names.parameter, JSON.stringify(description))
  // A bucket that was kept in a folder may hold requests; on AWS their group would still be at one.
  if (cloud.s3.list(bucket, { prefix: keys.requests, maxKeys: 1 }).objects.length > 0) group?.set(1)
  return { description, names, group }
}

interface Parts {
  readonly names: StageNames
  readonly settings: StageSettings
}

/** Where a function finds this cloud; the credentials Lambda gives it. */
const placeVariables = (cloud: LocalCloud, region: string) => ({ AWS_ENDPOINT_URL: cloud.endpoint, AWS_REGION: region })

/** The same for any process, with the credentials. */
export const cloudVariables = (cloud: LocalCloud, region: string) => ({
  ...placeVariables(cloud, region),
  AWS_ACCESS_KEY_ID: cloud.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: cloud.credentials.secretAccessKey,
})

function createFunctions(cloud: LocalCloud, { names, settings: { functions, region } }: Parts): void {
  const { memoryMb, timeoutSeconds, concurrency } = functions
  const file = (name: string) => join(packageRoot(), `dist/functions/${name}.mjs`)
  const environment = placeVariables(cloud, region)
  const events = { retries: EVENTS.retries, maximumEventAgeMs: EVENTS.maxAgeSeconds * 1000 }
  cloud.lambda.create({
    name: names.rolloutFunction,
    file: file('rollout'),
    memoryMb,
    timeoutMs: timeoutSeconds * 1000,
    reservedConcurrency: concurrency,
    ...events,
    onFailure: `arn:aws:sqs:us-east-1:${ACCOUNT}:${names.queue}`,
    environment,
  })
  if (!existsSync(file('evaluate'))) return
  cloud.lambda.create({
    name: names.evaluateFunction,
    file: file('evaluate'),
    memoryMb,
    timeoutMs: EVALUATE_SECONDS * 1000,
    ...events,
    environment,
  })
}

function createLearner(cloud: LocalCloud, { names, settings: chosen, options }: Parts & { options: StageOptions }) {
  const { control } = cloud
  const kind = options.learner ?? (chosen.learner.kind === 'anywhere' ? 'gpu' : chosen.learner.kind)
  const command: MachineCommand = options.command ?? {
    file: process.execPath,
    args: [join(packageRoot(), 'dist/cli/main.js'), 'learner', '--parameter', names.parameter],
    environment: { ...cloudVariables(cloud, chosen.region), ...options.environment },
    cwd: tmpdir(),
  }
  const logGroup = names.logGroups.learner
  if (kind === 'anywhere') return { learner: { kind } as const, group: undefined }
  if (kind === 'fargate') {
    const learner: LearnerHost = { kind, cluster: names.cluster, service: names.learner }
    return { learner, group: control.createService({ name: `${names.cluster}/${names.learner}`, command, logGroup }) }
  }
  const instanceTypes = chosen.learner.kind === 'gpu' ? chosen.learner.instanceTypes : [EMULATED_INSTANCE]
  const learner: LearnerHost = { kind, autoScalingGroup: names.learner, instanceTypes }
  return { learner, group: control.createAutoScalingGroup({ name: names.learner, command, logGroup }) }
}

/** The dead-man, disarmed as it is deployed. */
function createSchedules(
  { control }: LocalCloud,
  { names, learner }: { names: StageNames; learner: LearnerHost },
): void {
  control.schedules.createGroup(names.scheduleGroup)
  for (const { name, call, input } of deadManStrikes(names, learner)) {
    control.schedules.create({
      Name: name,
      GroupName: names.scheduleGroup,
      ScheduleExpression: NEVER,
      ScheduleExpressionTimezone: 'UTC',
      State: 'DISABLED',
      ActionAfterCompletion: 'NONE',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: `arn:aws:scheduler:::aws-sdk:${call}`,
        RoleArn: `arn:aws:iam::${ACCOUNT}:role/${names.roles.scheduler}`,
        Input: JSON.stringify(input),
      },
    })
  }
}

function installedVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return version
}

import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling'
import { GetFunctionEventInvokeConfigCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { GetPublicAccessBlockCommand } from '@aws-sdk/client-s3'
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import type { AwsOptions } from '../../shared/cloud/index.ts'
import { lambdaClient, lambdaInvoker, s3Client, sqsClient, sqsQueue } from '../../shared/cloud/index.ts'
import { awsProblem, findStage, invokeSync, logLines } from '../../shared/cloud/control/index.ts'
import { awsFailure } from '../../shared/cloud/awsFailure.ts'
import { controlConfig, withClient } from '../../shared/cloud/control/config.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import type { DoctorContext, StageReadings } from './context.ts'

/** The parts of the context that call AWS. */
export function awsContext(
  description: StageDescription,
  startedAt: number,
): Pick<DoctorContext, 'queue' | 'rollout' | 'settings' | 'invoke' | 'logLines'> {
  const options: AwsOptions = { region: description.region }
  const { queueUrl, deadLetterQueueUrl, rolloutFunction } = description
  return {
    queue: sqsQueue(sqsClient(options), { queueUrl, deadLetterQueueUrl }),
    rollout: lambdaInvoker(lambdaClient(options), rolloutFunction),
    settings: readings(description, options),
    invoke: (name, payload) => invokeSync(name, payload, options),
    async logLines(group) {
      const lines: string[] = []
      const signal = new AbortController().signal
      const query = { groups: [group], sinceMs: Date.now() - startedAt, follow: false, signal }
      for await (const { text } of logLines(query, options)) lines.push(text)
      return lines
    },
  }
}

function readings(description: StageDescription, options: AwsOptions): StageReadings {
  const { app, stage, bucket, deadMan, learner } = description
  return {
    description: () => findStage(app, stage, options),
    async publicAccessBlocked() {
      return await withClient(s3Client(options), async (client) => {
        const { PublicAccessBlockConfiguration: block } = await asking(
          `cannot read what blocks public access to ${bucket}`,
          client.send(new GetPublicAccessBlockCommand({ Bucket: bucket })),
          { PublicAccessBlockConfiguration: undefined }, // none is set: nothing is blocked
        )
        const { BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets } = block ?? {}
        return Boolean(BlockPublicAcls && IgnorePublicAcls && BlockPublicPolicy && RestrictPublicBuckets)
      })
    },
    async eventInvokeConfig(functionName) {
      return await withClient(new LambdaClient(controlConfig('LAMBDA', options)), async (client) => {
        const config = await asking(
          `cannot read how ${functionName} handles failed events`,
          client.send(new GetFunctionEventInvokeConfigCommand({ FunctionName: functionName })),
          { MaximumRetryAttempts: undefined, MaximumEventAgeInSeconds: undefined },
        )
        const { MaximumRetryAttempts: retries, MaximumEventAgeInSeconds: maxAgeSeconds } = config
        return { ...(retries !== undefined && { retries }), ...(maxAgeSeconds !== undefined && { maxAgeSeconds }) }
      })
    },
    async schedules() {
      return await withClient(new SchedulerClient(controlConfig('SCHEDULER', options)), (client) =>
        Promise.all(
          deadMan.schedules.map(async (name) => {
            const command = new GetScheduleCommand({ GroupName: deadMan.group, Name: name })
            const { State, ScheduleExpression = '' } = await asking(
              `cannot read schedule ${name}`,
              client.send(command),
            )
            return { name, enabled: State === 'ENABLED', expression: ScheduleExpression }
          }),
        ),
      )
    },
    async groupBounds() {
      if (learner.kind !== 'gpu') return undefined
      return await withClient(new AutoScalingClient(controlConfig('AUTO_SCALING', options)), async (client) => {
        const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [learner.autoScalingGroup] })
        const { AutoScalingGroups = [] } = await asking('cannot look at the learner’s group', client.send(command))
        const { MinSize: min = NaN, MaxSize: max = NaN } = AutoScalingGroups[0] ?? {}
        return { min, max }
      })
    },
  }
}

/** @param absent the answer where AWS says that there is no such thing (404) */
async function asking<T, A = never>(doing: string, request: Promise<T>, absent?: A): Promise<T | A> {
  try {
    return await request
  } catch (cause) {
    if (absent !== undefined && awsFailure(cause).status === 404) return absent
    throw awsProblem(doing, cause)
  }
}

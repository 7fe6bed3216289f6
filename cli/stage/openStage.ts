import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { s3Client, s3ObjectStore, sqsClient, type AwsOptions } from '../../shared/cloud/index.ts'
import { concurrencyLimit, deadManSchedules, findStage, learnerGroup } from '../../shared/cloud/control/index.ts'
import { explainedStore } from './explainedStore.ts'
import type { Variables } from '../terminal.ts'
import type { Stage } from './stage.ts'
import { stageApp } from './stageApp.ts'

/**
 * A stage of the project around a folder, or of the app that MILLRACE_APP names, on AWS or wherever AWS's endpoint variables point.
 * @throws MillraceError E_SETTINGS, E_STAGE, E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export async function openStage(
  name: string,
  { cwd }: { readonly cwd: string },
  env: Variables = process.env,
): Promise<Stage> {
  const { app, region } = await stageApp(cwd, env)
  const options: AwsOptions = { region }
  const description = await findStage(app, name, options)
  return {
    description,
    store: explainedStore(s3ObjectStore(s3Client(options), description.bucket)),
    group: learnerGroup(description.learner, options),
    concurrency: concurrencyLimit(description.rolloutFunction, options),
    deadMan: deadManSchedules(description.deadMan, options),
    deadLetters: () => messagesIn(description.deadLetterQueueUrl, options),
  }
}

async function messagesIn(queueUrl: string, options: AwsOptions): Promise<number | undefined> {
  const client = sqsClient(options)
  const attribute = 'ApproximateNumberOfMessages'
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [attribute] })
    const value = (await client.send(command)).Attributes?.[attribute]
    return value === undefined ? undefined : Number(value)
  } catch {
    return undefined // a number beside the table is not worth its failure
  } finally {
    client.destroy()
  }
}

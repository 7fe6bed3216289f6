import { z } from 'zod'
import { parsedOrUndefined } from '../../learner/stage/bucketRecords.ts'
import { type AwsOptions, s3Client, s3ObjectStore } from '../../shared/cloud/index.ts'
import { stageText } from '../../shared/cloud/control/index.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { explainedStore } from '../stage/explainedStore.ts'
import { requestedRuns } from '../stage/runs.ts'

/** What a description has said in every version. */
const Description = z.object({ millrace: z.string(), bucket: z.string(), concurrency: z.number() })

/** A stage as it was before it is deployed anew. */
export interface Deployed {
  /** The version that deployed it. */
  readonly millrace: string
  /** Rollout functions at once. */
  readonly concurrency: number
  /** Runs that wait for its learner, or are with it, the oldest first. */
  readonly requested: readonly string[]
}

/**
 * A stage that is there already, also where another version described it in a form that this one does not know.
 *
 * @returns undefined when there is none, or nothing that could have a run
 * @throws MillraceError E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS, E_STORE
 */
export async function findDeployed(app: string, stage: string, options: AwsOptions): Promise<Deployed | undefined> {
  const text = await stageText(app, stage, options)
  const found = text === undefined ? undefined : parsedOrUndefined(Description, text)
  if (!found) return undefined
  const { millrace, concurrency, bucket } = found
  const client = s3Client(options)
  try {
    return { millrace, concurrency, requested: await requestedRuns(explainedStore(s3ObjectStore(client, bucket))) }
  } catch (error) {
    if (isMillraceError(error, 'E_STORE') && error.where['status'] === 404) return undefined // the bucket is gone
    throw error
  } finally {
    client.destroy()
  }
}

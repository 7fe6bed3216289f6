import { LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { takeSignals } from './abort.ts'
import { awsConfig } from './awsConfig.ts'
import type { AwsOptions } from './endpoints.ts'

/** An S3 client. Checksums only where S3 demands them; path-style addresses on loopback, where no name server knows the bucket. */
export function s3Client(options: AwsOptions = {}): S3Client {
  const { local, ...config } = awsConfig('S3', options)
  const client = new S3Client({
    ...config,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(local && LOCAL_S3),
  })
  return lean(takeSignals(client), local)
}

/** Settings of S3 alone that the SDK would look for in the user's variables and files. */
const LOCAL_S3 = {
  forcePathStyle: true,
  useArnRegion: false,
  disableS3ExpressSessionAuth: true,
  sigv4aSigningRegionSet: [],
}

/** An SQS client. The MD5 of bodies is not compared on loopback: nothing gets lost there, and batches carry a hash of their own. */
export function sqsClient(options: AwsOptions = {}): SQSClient {
  const { local, ...config } = awsConfig('SQS', options)
  const client = new SQSClient({ ...config, ...(local && { md5: false, useQueueUrlAsEndpoint: false }) })
  return lean(takeSignals(client), local)
}

/** A Lambda client with one attempt a call: throttles and failures are the learner's to handle, at once and under a new lease. */
export function lambdaClient(options: AwsOptions = {}): LambdaClient {
  const { local, ...config } = awsConfig('LAMBDA', options)
  return lean(takeSignals(new LambdaClient({ ...config, maxAttempts: 1 })), local)
}

/** What the SDK does at every call and nobody reads: a record for a logger that is not there; and, on loopback, headers for AWS. */
function lean<C extends S3Client | SQSClient | LambdaClient>(client: C, local: boolean): C {
  const { middlewareStack } = client as S3Client
  middlewareStack.remove('loggerMiddleware')
  if (local) for (const name of ['getUserAgentMiddleware', 'recursionDetectionMiddleware']) middlewareStack.remove(name)
  return client
}

export interface AwsClients {
  readonly s3: S3Client
  readonly sqs: SQSClient
  readonly lambda: LambdaClient
  /** Closes the idle connections. */
  destroy(): void
}

/** All three, for the learner. A function takes the single makers, and its bundle leaves the others out. */
export function awsClients(options: AwsOptions = {}): AwsClients {
  const clients = { s3: s3Client(options), sqs: sqsClient(options), lambda: lambdaClient(options) }
  return {
    ...clients,
    destroy() {
      for (const client of Object.values(clients)) client.destroy()
    },
  }
}

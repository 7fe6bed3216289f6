import type { Credentials } from '../../shared/cloud/credentials.ts'

interface Cloud {
  readonly endpoint: string
  readonly credentials: Credentials
}

/** For Millrace's own clients: where an emulated cloud is, and what opens it. */
export const accessTo = ({ endpoint, credentials }: Cloud) => ({ localEndpoint: endpoint, credentials })

/** For unmodified clients of the AWS SDK, which sign. Without retries: a refusal must be seen. */
export const sdkSettings = ({ endpoint, credentials }: Cloud) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { ...credentials },
  maxAttempts: 1,
})

/** For a process: what `millrace cloud` prints. */
export const variablesFor = ({ endpoint, credentials }: Cloud): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
})

/** What a suite is given for an endpoint that is not of this process: credentials as AWS's variables have them. */
export const elsewhere = (endpoint: string): Cloud => ({
  endpoint,
  credentials: {
    accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? 'a',
    secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'b',
  },
})

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { AwsOptions } from '../endpoints.ts'
import { controlConfig, withClient } from './config.ts'
import { asking } from './problem.ts'

/** Who the credentials are, and in which region requests go out. @throws MillraceError E_CREDENTIALS, E_REGION, E_AWS */
export async function callerIdentity(options: AwsOptions = {}) {
  return await withClient(new STSClient(controlConfig('STS', options)), async (client) => {
    const asked = client.send(new GetCallerIdentityCommand({}))
    const { Account = '', Arn = '' } = await asking('cannot find out whose credentials these are', asked)
    return { account: Account, arn: Arn, region: await client.config.region() }
  })
}

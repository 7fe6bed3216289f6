import { EC2Client, paginateDescribeVpcs } from '@aws-sdk/client-ec2'
import type { AwsOptions } from '../endpoints.ts'
import { controlConfig, withClient } from './config.ts'
import { asking } from './problem.ts'

/** The networks (VPCs) of this region by their name; '' for one that has none. */
export async function networkNames(options: AwsOptions = {}): Promise<readonly string[]> {
  return await withClient(new EC2Client(controlConfig('EC2', options)), async (client) => {
    const names: string[] = []
    const read = async () => {
      for await (const { Vpcs = [] } of paginateDescribeVpcs({ client }, {}))
        names.push(...Vpcs.map(({ Tags = [] }) => Tags.find(({ Key }) => Key === 'Name')?.Value ?? ''))
    }
    await asking('cannot read which networks the region has', read())
    return names
  })
}

import { EC2Client, paginateDescribeInstanceTypeOfferings } from '@aws-sdk/client-ec2'
import type { AwsOptions } from '../endpoints.ts'
import { controlConfig, withClient } from './config.ts'
import { asking } from './problem.ts'

/** Which of these instance types the region has, in the order given. */
export async function regionalInstanceTypes(types: readonly string[], options: AwsOptions = {}): Promise<string[]> {
  return await withClient(new EC2Client(controlConfig('EC2', options)), async (client) => {
    const offered = new Set<string>()
    const read = async () => {
      const Filters = [{ Name: 'instance-type', Values: [...types] }]
      const pages = paginateDescribeInstanceTypeOfferings({ client }, { LocationType: 'region', Filters })
      for await (const { InstanceTypeOfferings = [] } of pages)
        for (const { InstanceType } of InstanceTypeOfferings) if (InstanceType !== undefined) offered.add(InstanceType)
    }
    await asking('cannot read which instance types the region has', read())
    return types.filter((type) => offered.has(type))
  })
}

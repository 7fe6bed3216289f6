import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas'
import type { AwsOptions } from '../endpoints.ts'
import { controlConfig, withClient } from './config.ts'
import { asking } from './problem.ts'

/** 'All G and VT Spot Instance Requests' and 'Running On-Demand G and VT instances'. */
const CODES = { spot: 'L-3819A6DF', onDemand: 'L-DB2E81BA' } as const

/** How many vCPUs of GPU machines (families G and VT) the account may have at once in this region. */
export async function gpuVcpuQuota({ spot }: { readonly spot: boolean }, options: AwsOptions = {}): Promise<number> {
  const input = { ServiceCode: 'ec2', QuotaCode: spot ? CODES.spot : CODES.onDemand }
  return await quotaOf(input, 'GPU machines', options)
}

/** How many networks (VPCs) the account may have in this region. */
export async function networkQuota(options: AwsOptions = {}): Promise<number> {
  return await quotaOf({ ServiceCode: 'vpc', QuotaCode: 'L-F678F1CE' }, 'networks', options)
}

interface QuotaName {
  readonly ServiceCode: string
  readonly QuotaCode: string
}

async function quotaOf(input: QuotaName, of: string, options: AwsOptions): Promise<number> {
  return await withClient(new ServiceQuotasClient(controlConfig('SERVICE_QUOTAS', options)), async (client) => {
    const applied = client.send(new GetServiceQuotaCommand(input)).catch((cause: unknown) => {
      // An account that never asked for another value may have none of its own.
      if (!(cause instanceof Error) || cause.name !== 'NoSuchResourceException') throw cause
      return client.send(new GetAWSDefaultServiceQuotaCommand(input))
    })
    return (await asking(`cannot read the quota of ${of}`, applied)).Quota?.Value ?? 0
  })
}

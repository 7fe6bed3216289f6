import { z } from 'zod'
import { AwsError } from '../awsError.ts'
import { ACCOUNT } from '../sqs/wire.ts'
import { element } from '../s3/xml.ts'
import type { JsonService } from './jsonFront.ts'
import { type QueryService, listOf } from './queryFront.ts'
import { REGION, arn, operation } from './wire.ts'

/** What an account has beside its resources. A test may change each at any time. */
export interface Account {
  /** Applied values by `service/code`. */
  readonly quotas: Map<string, number>
  readonly instanceTypes: Set<string>
  /** Networks (VPCs) by their names; '' for one that has none, such as AWS's default. */
  readonly networks: string[]
  /** Actions that the credentials lack, as IAM writes them: `ssm:GetParameter`, or `ssm:*`. */
  readonly denied: Set<string>
}

/** vCPUs of families G and VT, by spot and on demand: enough for one machine. New accounts have none. */
const GPU_QUOTAS = ['ec2/L-3819A6DF', 'ec2/L-DB2E81BA'] as const
const NETWORK_QUOTA = 'vpc/L-F678F1CE'
/** What an account has that never asked for more. */
const DEFAULT_QUOTAS: ReadonlyMap<string, number> = new Map([
  ...GPU_QUOTAS.map((code) => [code, 0] as const),
  [NETWORK_QUOTA, 5],
])

export const newAccount = (): Account => ({
  quotas: new Map([...GPU_QUOTAS.map((code) => [code, 8] as const), [NETWORK_QUOTA, 5]]),
  networks: [''],
  instanceTypes: new Set([
    'g4dn.xlarge',
    'g4dn.2xlarge',
    'g5.xlarge',
    'g5.2xlarge',
    'g6.xlarge',
    'g6.2xlarge',
    'c7g.large',
  ]),
  denied: new Set(),
})

export const USER_ARN = `arn:aws:iam::${ACCOUNT}:user/local`

export const sts: QueryService = {
  service: 'sts',
  version: '2011-06-15',
  namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  dialect: 'query',
  operations: {
    GetCallerIdentity: () => element('Arn', USER_ARN) + element('UserId', 'AIDALOCAL') + element('Account', ACCOUNT),
  },
}

export function ec2({ instanceTypes, networks }: Account): QueryService {
  return {
    service: 'ec2',
    version: '2016-11-15',
    namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
    dialect: 'ec2',
    operations: {
      DescribeVpcs: () => {
        const items = networks.map((name, i) => {
          const tag = `<item>${element('key', 'Name')}${element('value', name)}</item>`
          return `<item>${element('vpcId', `vpc-${i}`)}<tagSet>${name === '' ? '' : tag}</tagSet></item>`
        })
        return `<vpcSet>${items.join('')}</vpcSet>`
      },
      DescribeInstanceTypeOfferings: (parameters) => {
        if ((parameters.get('LocationType') ?? 'region') !== 'region')
          throw new AwsError(400, 'InvalidParameterValue', 'the emulated EC2 has one location: its region')
        const items = offered([...instanceTypes].sort(), parameters).map((type) => {
          const fields = [element('instanceType', type), element('location', REGION), element('locationType', 'region')]
          return `<item>${fields.join('')}</item>`
        })
        return `<instanceTypeOfferingSet>${items.join('')}</instanceTypeOfferingSet>`
      },
    },
  }
}

/** The types that pass every filter; in its values `*` stands for anything. */
function offered(types: readonly string[], parameters: URLSearchParams): readonly string[] {
  let left = types
  for (let i = 1; parameters.has(`Filter.${i}.Name`); i++) {
    const name = parameters.get(`Filter.${i}.Name`)
    const values = listOf(parameters, `Filter.${i}.Value`)
    if (name !== 'instance-type' && name !== 'location')
      throw new AwsError(400, 'InvalidParameterValue', `The filter '${name}' is invalid`)
    const patterns = values.map(
      (value) => new RegExp(`^${value.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*')}$`),
    )
    left = left.filter((type) => patterns.some((pattern) => pattern.test(name === 'location' ? REGION : type)))
  }
  return left
}

const Quota = z.strictObject({ ServiceCode: z.string(), QuotaCode: z.string() })

export function serviceQuotas({ quotas }: Account): JsonService {
  const view = ({ ServiceCode, QuotaCode }: z.output<typeof Quota>, value: number | undefined) => {
    if (value === undefined)
      throw new AwsError(
        400,
        'NoSuchResourceException',
        'The request failed because the specified service or quota does not exist.',
      )
    const QuotaArn = arn('servicequotas', `${ServiceCode}/${QuotaCode}`)
    return { Quota: { ServiceCode, QuotaCode, QuotaArn, Value: value, Unit: 'None', Adjustable: true } }
  }
  return {
    service: 'servicequotas',
    target: 'ServiceQuotasV20190624',
    operations: {
      GetServiceQuota: operation(Quota, (input) => view(input, quotas.get(`${input.ServiceCode}/${input.QuotaCode}`))),
      GetAWSDefaultServiceQuota: operation(Quota, (input) =>
        view(input, DEFAULT_QUOTAS.get(`${input.ServiceCode}/${input.QuotaCode}`)),
      ),
    },
  }
}

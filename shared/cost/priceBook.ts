/** One list price: what, in which unit, and where and when it was read. USD. */
export interface Price {
  readonly usd: number
  readonly per: string
  readonly source: string
}

/** What AWS has in a month, on average, where it divides a price by the month. */
export const HOURS_A_MONTH = 730

/** List prices of one region, without free tiers. */
export interface PriceBook {
  readonly region: string
  readonly date: string
  /** Of arm64 functions. */
  readonly functionGbSecond: Price
  readonly functionGbSecondX86: Price
  readonly functionRequest: Price
  readonly sqsRequest: Price
  readonly s3Write: Price
  readonly s3Read: Price
  readonly learnerHour: Price
  /** An hour of a GPU machine on demand, by its type. */
  readonly machineHour: Readonly<Record<string, Price>>
  /** Of the public address that a machine or a container has while it is there. */
  readonly addressHour: Price
  readonly diskGbMonth: Price
  readonly fargateVcpuHour: Price
  readonly fargateGbHour: Price
}

const lambda = 'https://aws.amazon.com/lambda/pricing/'
const fargate = 'https://aws.amazon.com/fargate/pricing/'
const machine = (type: string, usd: number): Price => ({
  usd,
  per: `hour of ${type} on demand`,
  source: 'https://aws.amazon.com/ec2/pricing/on-demand/',
})

/** us-east-1. A batch that stays an hour in the bucket costs nothing worth counting, so storage is left out. */
export const US_EAST_1: PriceBook = {
  region: 'us-east-1',
  date: '2026-11-21',
  functionGbSecond: { usd: 0.0000133334, per: 'GB-second, arm64', source: lambda },
  functionGbSecondX86: { usd: 0.0000166667, per: 'GB-second, x86_64', source: lambda },
  functionRequest: { usd: 0.2e-6, per: 'invocation', source: lambda },
  sqsRequest: { usd: 0.4e-6, per: 'request of up to 64 KiB', source: 'https://aws.amazon.com/sqs/pricing/' },
  s3Write: { usd: 5e-6, per: 'PUT, COPY, POST or LIST request', source: 'https://aws.amazon.com/s3/pricing/' },
  s3Read: { usd: 0.4e-6, per: 'GET request, 304 included', source: 'https://aws.amazon.com/s3/pricing/' },
  learnerHour: machine('g5.xlarge', 1.006),
  machineHour: {
    'g4dn.xlarge': machine('g4dn.xlarge', 0.526),
    'g5.xlarge': machine('g5.xlarge', 1.006),
    'g6.xlarge': machine('g6.xlarge', 0.8048),
  },
  addressHour: { usd: 0.005, per: 'hour of a public IPv4 address', source: 'https://aws.amazon.com/vpc/pricing/' },
  diskGbMonth: { usd: 0.08, per: 'GB of gp3 and month', source: 'https://aws.amazon.com/ebs/pricing/' },
  fargateVcpuHour: { usd: 0.04048, per: 'vCPU and hour, x86', source: fargate },
  fargateGbHour: { usd: 0.004445, per: 'GB and hour, x86', source: fargate },
}

/** What a function of this architecture costs, USD a GB-second. */
export const functionGbSecondUsd = (
  { functionGbSecond, functionGbSecondX86 }: PriceBook,
  architecture: 'arm64' | 'x86_64',
): number => (architecture === 'arm64' ? functionGbSecond : functionGbSecondX86).usd

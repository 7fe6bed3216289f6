/** One list price: what, in which unit, and where and when it was read. USD. */
export interface Price {
  readonly usd: number
  readonly per: string
  readonly source: string
}

/** List prices of one region, without free tiers. */
export interface PriceBook {
  readonly region: string
  readonly date: string
  readonly functionGbSecond: Price
  readonly functionRequest: Price
  readonly sqsRequest: Price
  readonly s3Write: Price
  readonly s3Read: Price
  readonly learnerHour: Price
}

const lambda = 'https://aws.amazon.com/lambda/pricing/'

/** us-east-1, arm64 functions. A batch that stays an hour in the bucket costs nothing worth counting, so storage is left out. */
export const US_EAST_1: PriceBook = {
  region: 'us-east-1',
  date: '2026-11-21',
  functionGbSecond: { usd: 0.0000133334, per: 'GB-second, arm64', source: lambda },
  functionRequest: { usd: 0.2e-6, per: 'invocation', source: lambda },
  sqsRequest: { usd: 0.4e-6, per: 'request of up to 64 KiB', source: 'https://aws.amazon.com/sqs/pricing/' },
  s3Write: { usd: 5e-6, per: 'PUT, COPY, POST or LIST request', source: 'https://aws.amazon.com/s3/pricing/' },
  s3Read: { usd: 0.4e-6, per: 'GET request, 304 included', source: 'https://aws.amazon.com/s3/pricing/' },
  learnerHour: {
    usd: 1.006,
    per: 'hour of g5.xlarge on demand',
    source: 'https://aws.amazon.com/ec2/pricing/on-demand/',
  },
}

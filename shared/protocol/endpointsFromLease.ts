import { isLoopback } from '../cloud/endpoints.ts'
import { MillraceError } from '../errors.ts'
import type { Lease } from './lease.ts'

/** A function's variable: set to `loopback`, its leases may name services on the same machine. It is never set on AWS. */
export const ENDPOINTS_FROM_LEASE = 'MILLRACE_ENDPOINTS_FROM_LEASE'

/**
 * Where a lease says that S3 and SQS are. A lease comes from outside, and a bucket that it names may hold any code: so its endpoints count
 * only where the function's own environment allows them.
 *
 * @returns undefined for a lease that leaves them to the function's environment
 * @throws MillraceError E_LEASE for endpoints that are not allowed here
 */
export function allowedEndpoints(
  { endpoints, run }: Lease,
  environment: Readonly<Record<string, string | undefined>>,
): Lease['endpoints'] {
  if (endpoints === undefined) return undefined
  const { s3, sqs } = endpoints
  if (environment[ENDPOINTS_FROM_LEASE] === 'loopback' && isLoopback(s3) && isLoopback(sqs)) return endpoints
  throw new MillraceError(
    'E_LEASE',
    `the lease says that S3 is at ${s3} and SQS at ${sqs}, but this function uses the services of its own environment only`,
    { run },
  )
}

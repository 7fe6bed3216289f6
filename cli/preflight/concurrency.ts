import type { StageSettings } from '../../infra/aws/settings.ts'
import { count } from '../display/format.ts'
import { type Finding, finding, missing, ok } from './finding.ts'
import type { PreflightPorts } from './ports.ts'

const CHECK = 'concurrent executions'
/** What Lambda keeps back for functions without a reservation; it refuses a reservation that would leave less. */
const LEFT_UNRESERVED = 100

/** Does Lambda's quota let the stage reserve its functions? A new account's is often 10, where nothing can be reserved. */
export async function checkConcurrency(
  { region, functions }: StageSettings,
  ports: Pick<PreflightPorts, 'concurrencyQuota' | 'reservedByStage'>,
): Promise<Finding> {
  return await finding(CHECK, async () => {
    const [{ limit, unreserved }, own] = await Promise.all([ports.concurrencyQuota(), ports.reservedByStage()])
    const wanted = functions.concurrency
    const left = unreserved + own - LEFT_UNRESERVED
    const room = Math.max(0, left)
    if (wanted <= room)
      return ok(CHECK, `quota ${count(limit)}, ${count(room)} can be reserved, ${count(wanted)} will be`)
    const needed = limit + wanted - left
    const smaller = room > 0 ? `, or set functions.concurrency to ${count(room)} at most` : ''
    return missing(
      CHECK,
      'E_QUOTA',
      `Lambda's quota of concurrent executions in ${region} is ${count(limit)}, of which ${count(room)} can be reserved (AWS keeps ${LEFT_UNRESERVED} back), ` +
        `and functions.concurrency is ${count(wanted)}: ask for a quota of ${count(needed)} or more (Service Quotas, AWS Lambda, Concurrent executions)${smaller}`,
    )
  })
}

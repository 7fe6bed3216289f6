import { HOURS_A_MONTH, US_EAST_1 } from '../../shared/cost/priceBook.ts'
import type { StageSettings } from './settings.ts'

/**
 * What an hour of a stage's learner costs at most, USD: the dearest of its machines, on demand (spot costs less), with its disk and its
 * public address. A machine of the user's own costs nothing on AWS. List prices of us-east-1, unless the settings have a price.
 */
export function learnerHourUsd(learner: StageSettings['learner']): number {
  const { fargateVcpuHour, fargateGbHour, addressHour, diskGbMonth } = US_EAST_1
  if (learner.kind === 'anywhere') return 0
  if (learner.kind === 'fargate')
    return learner.vcpu * fargateVcpuHour.usd + learner.memoryGb * fargateGbHour.usd + addressHour.usd
  return machineHourUsd(learner) + (learner.diskGb * diskGbMonth.usd) / HOURS_A_MONTH + addressHour.usd
}

/** Settings name no type without a price. */
function machineHourUsd({ usdPerHour, instanceTypes }: Extract<StageSettings['learner'], { kind: 'gpu' }>): number {
  return usdPerHour ?? Math.max(...instanceTypes.map((type) => US_EAST_1.machineHour[type]?.usd ?? 0))
}

import { US_EAST_1 } from '../../shared/cost/priceBook.ts'
import type { StageSettings } from './settings.ts'

/**
 * What an hour of a stage's learner costs at most, USD: the dearest of its machines, on demand (spot costs less). A type that is not in
 * the price book counts as the price book's learner; a machine of the user's own costs nothing on AWS. List prices of us-east-1.
 */
export function learnerHourUsd(learner: StageSettings['learner']): number {
  const { fargateVcpuHour, fargateGbHour, machineHour, learnerHour } = US_EAST_1
  if (learner.kind === 'anywhere') return 0
  if (learner.kind === 'fargate') return learner.vcpu * fargateVcpuHour.usd + learner.memoryGb * fargateGbHour.usd
  return Math.max(...learner.instanceTypes.map((type) => (machineHour[type] ?? learnerHour).usd))
}

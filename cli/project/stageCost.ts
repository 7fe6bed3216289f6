import type { StageSettings } from '../../infra/aws/settings.ts'
import { learnerHourUsd } from '../../infra/aws/learnerHour.ts'
import { US_EAST_1, functionGbSecondUsd } from '../../shared/cost/priceBook.ts'
import { usd } from '../display/format.ts'

/** List prices in us-east-1 of what lies still: a GB a month in a bucket and in a registry of images. */
const BUCKET_GB_MONTH = 0.023
const IMAGE_GB_MONTH = 0.1
const ALARM_MONTH = 0.1

/** What a stage costs, as lines: at rest, and at most while a run is on. List prices of us-east-1. */
export function stageCostLines({ functions, learner }: StageSettings): readonly string[] {
  const functionHour = (functions.memoryMb / 1024) * functionGbSecondUsd(US_EAST_1, functions.architecture) * 3600
  const alarms = learner.kind === 'anywhere' ? 2 : 3
  const image =
    learner.kind === 'anywhere' ? '' : `, the learner's image ${usd(IMAGE_GB_MONTH)} per GB and month where it is kept`
  return [
    `at rest      no functions and no machine: ${usd(alarms * ALARM_MONTH)} a month for ${alarms} alarms, what lies in the bucket (${usd(BUCKET_GB_MONTH)} per GB and month)${image}`,
    `with a run   at most ${usd(functions.concurrency * functionHour)} an hour for ${functions.concurrency} functions, and ${learnerCost(learner)}`,
  ]
}

function learnerCost(learner: StageSettings['learner']): string {
  if (learner.kind === 'anywhere') return 'a learner of your own'
  const hour = `${usd(learnerHourUsd(learner))} an hour for the learner`
  return learner.kind === 'gpu' ? `${hour} (on demand; less as spot)` : hour
}

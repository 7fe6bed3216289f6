import type { Item } from '../item.ts'
import { bucketItems } from './bucket.ts'
import { descriptionItem } from './description.ts'
import { functionItems } from './functions.ts'
import { learnerGone, learnerItems } from './learner.ts'
import { logItem } from './logs.ts'
import { queueItem } from './queue.ts'
import { safetyItems } from './safety.ts'

/** The checklist of a stage, in the order in which it is gone through: what costs nothing first, a machine last. */
export function checklist(stage: string, { strike }: { readonly strike: boolean }): readonly Item[] {
  return [
    descriptionItem,
    ...bucketItems,
    queueItem,
    ...functionItems({ stage }),
    ...safetyItems({ strike }),
    ...learnerItems({ stage }),
    logItem,
    learnerGone,
  ]
}

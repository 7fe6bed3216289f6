import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { keys, runOfRequest } from '../../shared/protocol/keys.ts'
import { isName } from '../../shared/protocol/names.ts'
import { parsedOrUndefined } from './bucketRecords.ts'
import { RunRequest } from './records.ts'

/** A run that waits for the stage's learner, or is with it. */
export interface WaitingRun {
  readonly run: string
  /** Undefined where this version cannot read it. */
  readonly request: RunRequest | undefined
}

/** The runs that were asked for and are not over, the oldest first. @throws MillraceError E_STORE */
export async function waitingRuns(store: ObjectStore): Promise<readonly WaitingRun[]> {
  const found: WaitingRun[] = []
  for (const key of await store.list(keys.requests)) {
    const run = runOfRequest(key)
    // Nothing can be said of it: its status would lie under a key that is no run's.
    if (!isName(run)) continue
    const read = await store.get(key)
    if (read.kind !== 'found') continue
    const request = parsedOrUndefined(RunRequest, read.body)
    found.push({ run, request: request?.run === run ? request : undefined })
  }
  return found.sort((a, b) => (a.request?.requestedAt ?? 0) - (b.request?.requestedAt ?? 0))
}

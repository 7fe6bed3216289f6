import { parsedOrUndefined } from '../../learner/stage/bucketRecords.ts'
import { RunStatus } from '../../learner/stage/records.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'
import { keys, runOfListed, runOfRequest } from '../../shared/protocol/keys.ts'
import { checkedName, isName } from '../../shared/protocol/names.ts'
import { type Found, readStatus } from './runRecords.ts'

/** Every run that was ever asked for and that the bucket still knows, newest first. A key that names none is nobody's run. */
export async function listRuns(store: ObjectStore): Promise<readonly string[]> {
  return (await store.list(keys.listedRuns)).map(runOfListed).filter(isName).reverse()
}

/** Runs that wait for the learner or are with it, the oldest first. */
export async function requestedRuns(store: ObjectStore): Promise<readonly string[]> {
  const known = new Set((await store.list(keys.requests)).map(runOfRequest).filter(isName))
  const inOrder = [...(await listRuns(store))].reverse().filter((run) => known.delete(run))
  return [...inOrder, ...known]
}

export interface ListedRun {
  readonly run: string
  /** Undefined where another version wrote it, in a form that this one cannot read. */
  readonly status: RunStatus | undefined
}

/** The statuses of runs, in their order; one that the bucket has dropped is left out. */
export async function readStatuses(store: ObjectStore, runs: readonly string[]): Promise<readonly ListedRun[]> {
  const found = await Promise.all(runs.map((run) => store.get(keys.status(run))))
  return runs.flatMap((run, i) => {
    const read = found[i]
    return read?.kind === 'found' ? [{ run, status: ofRun(parsedOrUndefined(RunStatus, read.body), run) }] : []
  })
}

/** A record under another run's key is not read as either's. */
const ofRun = (status: RunStatus | undefined, run: string): RunStatus | undefined =>
  status?.run === run ? status : undefined

/** @throws MillraceError E_RUN, with the nearest name, when the stage has no such run */
export async function findRun(store: ObjectStore, run: string): Promise<Found<RunStatus>> {
  const found = await readStatus(store, checkedName(run))
  if (found !== undefined) return found
  const known = await listRuns(store)
  const near = nearestName(run, known)
  const hint = near ? `did you mean '${near}'?` : known[0] ? `the newest is '${known[0]}'` : 'the stage has no runs yet'
  throw new MillraceError('E_RUN', `there is no run '${run}' on this stage; ${hint}`)
}

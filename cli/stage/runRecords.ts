import type { z } from 'zod'
import { encodeRecord, readRecord } from '../../learner/stage/bucketRecords.ts'
import { LearnerClaim, RunStatus } from '../../learner/stage/records.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { issues } from '../../shared/protocol/fields.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { parseJsonBytes, whyNoJson } from '../../shared/protocol/parseJson.ts'

export { encodeRecord }

export interface Found<T> {
  readonly value: T
  readonly etag: string
}

/** @throws MillraceError E_RUN when a record of a stage does not fit its schema */
export function parseRecord<S extends z.ZodType>(schema: S, body: Uint8Array, key: string): z.output<S> {
  let data: unknown
  try {
    data = parseJsonBytes(body)
  } catch (cause) {
    throw new MillraceError('E_RUN', `the record ${key} ${whyNoJson(cause)}`, {}, { cause })
  }
  const result = schema.safeParse(data)
  if (result.success) return result.data
  throw new MillraceError('E_RUN', `the record ${key} does not fit this version of Millrace: ${issues(result.error)}`)
}

/** A record as it was found; undefined where there is none. @throws MillraceError E_RUN when it does not fit, and as the store does */
export async function readFound<S extends z.ZodType>(
  store: ObjectStore,
  key: string,
  schema: S,
): Promise<Found<z.output<S>> | undefined> {
  const read = await store.get(key)
  if (read.kind !== 'found') return undefined
  return { value: parseRecord(schema, read.body, key), etag: read.etag }
}

/** The status of a run. @throws MillraceError E_RUN when it does not fit, or is another run's; and as the store does */
export async function readStatus(store: ObjectStore, run: string): Promise<Found<RunStatus> | undefined> {
  const found = await readFound(store, keys.status(run), RunStatus)
  if (found) checkRun(found.value, run)
  return found
}

/** Files and keys are named by it. @throws MillraceError E_RUN when a record lies under another run's key */
export function checkRun(status: Pick<RunStatus, 'run'>, run: string): void {
  if (status.run === run) return
  throw new MillraceError('E_RUN', `the record ${keys.status(run)} is of another run, '${status.run}'`, { run })
}

/** The claim of a learner that is up: one that has not expired. A claim that this version cannot read counts as none, as it does for a learner. */
export async function livingLearner(store: ObjectStore, now: number): Promise<LearnerClaim | undefined> {
  const claim = await readRecord(store, keys.claim, LearnerClaim)
  return claim !== undefined && claim.heartbeatUntil > now ? claim : undefined
}

/** Writes an object unless it is there already. @returns whether it was written */
export async function putIfAbsent(store: ObjectStore, key: string, value: unknown): Promise<boolean> {
  try {
    await store.put(key, encodeRecord(value), { ifAbsent: true })
    return true
  } catch (error) {
    if (isMillraceError(error, 'E_STORE_PRECONDITION')) return false
    throw error
  }
}

export const isOver = ({ state }: Pick<RunStatus, 'state'>): boolean => state === 'ended' || state === 'failed'

/** Has its learner stopped responding? */
export const isLost = ({ state, heartbeatUntil }: RunStatus, now: number): boolean =>
  state === 'running' && heartbeatUntil !== undefined && heartbeatUntil <= now

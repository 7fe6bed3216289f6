import { encodeRecord } from '../../learner/stage/bucketRecords.ts'
import type { RunRequest, RunStatus } from '../../learner/stage/records.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { putIfAbsent } from './runRecords.ts'

export interface Submission {
  readonly run: string
  readonly experiment: string
  readonly millrace: string
  readonly requestedAt: number
  /** The experiment for the learner. */
  readonly module: Uint8Array
  /** The env for functions, where it is the user's own. */
  readonly envCode?: Uint8Array | undefined
  readonly set: Readonly<Record<string, string>>
}

/**
 * Submits a run to a stage's learner. The request is written last, because a learner may take it at once.
 *
 * @throws MillraceError E_RUN when a run of this name exists; and as the store does
 */
export async function submitRun(store: ObjectStore, submission: Submission): Promise<void> {
  const { run, experiment, millrace, requestedAt, set } = submission
  const upload = async (code: Uint8Array) => {
    const sha256 = sha256Hex(code)
    const key = keys.code(run, sha256)
    await store.put(key, code)
    return { key, sha256 }
  }
  const [module, envCode] = await Promise.all([
    upload(submission.module),
    submission.envCode && upload(submission.envCode),
  ])
  const request: RunRequest = {
    format: 1,
    run,
    experiment,
    millrace,
    requestedAt,
    module,
    ...(envCode && { envCode }),
    set: { ...set },
  }
  if (!(await putIfAbsent(store, keys.status(run), firstStatus(submission))))
    throw new MillraceError('E_RUN', `there is a run '${run}' on this stage already`)
  await store.put(keys.listed(run, requestedAt), encodeRecord({}))
  await putIfAbsent(store, keys.request(run), request)
}

/** Withdraws a run for which no learner could be started: deletes its request, and its status says why. */
export async function withdrawRun(store: ObjectStore, submission: Submission, why: unknown): Promise<void> {
  const { run, requestedAt } = submission
  await store.delete([keys.request(run)])
  const error = isMillraceError(why)
    ? { code: why.code, message: why.message }
    : { code: 'E_AWS', message: String(why) }
  const status: RunStatus = {
    ...firstStatus(submission),
    state: 'failed',
    at: requestedAt,
    endedAt: requestedAt,
    error,
  }
  await store.put(keys.status(run), encodeRecord(status))
}

function firstStatus({ run, experiment, requestedAt }: Submission): RunStatus {
  return {
    format: 1,
    run,
    experiment,
    state: 'waiting',
    attempt: 0,
    at: requestedAt,
    requestedAt,
    events: [],
    metricsPieces: 0,
  }
}

import { sha256Hex } from '../../shared/batch/hash.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { Experiment } from '../experiment.ts'
import { resultFiles } from '../run/files.ts'
import type { TrainResult } from '../run/service.ts'
import type { StageParts } from './parts.ts'
import type { RunRequest, RunStatus } from './records.ts'
import { type RunRecord, sentence } from './runRecord.ts'

/** Writes the result of a run. @returns the part of its status about the result */
export async function writeResult(
  record: RunRecord,
  { result, experiment, request }: { result: TrainResult; experiment: Experiment; request: RunRequest },
): Promise<Pick<RunStatus, 'summary' | 'progress'>> {
  const { run } = record.current
  const summary = { ...result.summary, run }
  const source = { experiment, env: asDefinition(experiment.env).id, ownEnv: request.envCode !== undefined }
  for (const file of resultFiles({ ...result, ...source, summary })) await putFile(record, file)
  const curve = summary.curve.map(([steps, mean]): [number, number] => [steps, mean])
  return { summary: { ...summary, curve }, progress: summary.progress }
}

/** Marks a run as ended, then deletes its request, so that no learner works on it. @throws as `RunRecord.settle` */
export async function endRun(record: RunRecord, parts: StageParts, changes: Partial<RunStatus>): Promise<void> {
  await record.settle({ ...changes, state: 'ended', endedAt: parts.clock.now() })
  await tidy(record.current, parts)
}

/** Marks a run as failed, with its error. Its checkpoints stay for as long as the bucket keeps any. @throws as `RunRecord.settle` */
export async function failRun(record: RunRecord, parts: StageParts, error: unknown): Promise<void> {
  const { run } = record.current
  const failure = failureOf(error)
  await record.settle({ state: 'failed', endedAt: parts.clock.now(), error: failure })
  parts.log(`${run}: failed, ${failure.code}: ${failure.message}`)
  await tidy(record.current, parts)
}

/** An error as a status holds it: with where it happened, and the user's own stack. */
function failureOf(error: unknown): NonNullable<RunStatus['error']> {
  if (!isMillraceError(error)) return { code: 'E_INTERNAL', message: sentence(error) }
  const { code, message, where, userStack } = error
  const places: Record<string, string | number | boolean> = {}
  for (const [key, value] of Object.entries(where)) if (value !== undefined) places[key] = value
  return {
    code,
    message,
    ...(Object.keys(places).length > 0 && { where: places }),
    ...(userStack !== undefined && { stack: userStack }),
  }
}

/**
 * Deletes what a run that is over does not need. Never fails: the status has the last word, and a learner that finds the request still
 * there comes here again.
 *
 * @returns whether the request is gone
 */
export async function tidy(
  { run, state }: Pick<RunStatus, 'run' | 'state'>,
  { store, log }: Pick<StageParts, 'store' | 'log'>,
): Promise<boolean> {
  try {
    if (state === 'ended') {
      const checkpoints = await store.list(keys.checkpoints(run))
      if (checkpoints.length > 0) await store.delete(checkpoints)
    }
    await store.delete([keys.request(run)])
    return true
  } catch (error) {
    log(`${run}: is over, and could not be tidied up: ${sentence(error)}`)
    return false
  }
}

/** Writes a file of the run; the status says its hash from then on. @throws as the store does, and as `RunRecord.save` */
export async function putFile(record: RunRecord, [name, body]: readonly [string, Uint8Array | string]): Promise<void> {
  const { run, files } = record.current
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  const sha256 = sha256Hex(bytes)
  const { [name]: before, ...others } = files ?? {}
  if (before !== undefined && before !== sha256) {
    // A learner that is lost between the two writes must not leave a hash of what is no longer there.
    record.set({ files: others })
    await record.save()
  }
  await record.fence.put(keys.result(run, name), bytes)
  record.set({ files: { ...others, [name]: sha256 } })
}

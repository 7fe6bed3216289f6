import { attemptName, keys } from '../../shared/protocol/keys.ts'
import type { Experiment } from '../experiment.ts'
import type { TrainResult } from '../run/service.ts'
import { type StageClaim, lostClaim } from './claim.ts'
import type { StageParts } from './parts.ts'
import { logProgress, progressLine } from './progressLog.ts'
import type { RunRequest } from './records.ts'
import { type RunRecord, sentence } from './runRecord.ts'
import type { FoundCheckpoint } from './runSetting.ts'

const STOP_POLL_MS = 2_000
/** Between the first checkpoint, at the first update, and the second; each next one after twice as long, up to the setting. */
const FIRST_CHECKPOINT_MS = 1_000

export interface RunDesk {
  readonly parts: StageParts
  readonly claim: StageClaim
  /** Asks for a clean end of the learner. */
  readonly ending: AbortSignal
}

interface Attempt {
  readonly request: RunRequest
  readonly experiment: Experiment
  readonly from: FoundCheckpoint | undefined
  /** Make only the result of the checkpoint: sample nothing and train nothing. */
  readonly over?: boolean
}

/**
 * Trains, with the status, the metrics, checkpoints and the user's wish to stop beside it.
 *
 * @throws MillraceError E_LEARNER when the claim was lost meanwhile, and what the run failed with
 */
export async function trainAttempt(record: RunRecord, { request, experiment, from, over }: Attempt, desk: RunDesk) {
  const { parts, claim, ending } = desk
  const { run, attempt, progress: earlier } = record.current
  const stop = new AbortController()
  if (over) stop.abort()
  const done = new AbortController()
  const cloud = await parts.openCloud({ shards: experiment.rollouts.shards })
  const beside = [
    record.keep(done.signal),
    logProgress(record, parts, done.signal),
    watchStop(record, desk, { stop, done: done.signal }),
  ]
  const everyMs = parts.stage.checkpointSeconds * 1000
  const begunAt = parts.clock.monotonic()
  const lasted = () => parts.clock.monotonic() - begunAt >= everyMs
  let result: TrainResult
  try {
    result = await parts.train(experiment, {
      // Functions of the attempt before may still look at its manifest.
      run: attemptName(run, over ? attempt + 1 : attempt),
      cloud,
      observer: record,
      signal: AbortSignal.any([stop.signal, ending, claim.lost]),
      checkpoint: {
        everyMs,
        firstMs: Math.min(everyMs, FIRST_CHECKPOINT_MS),
        atEveryEnd: true,
        save: (bytes, updates) => saveCheckpoint(record, desk, { bytes, updates, lasted: lasted() }),
      },
      keepDiverged: async (batch, update) => {
        const key = keys.diverged(run, update)
        await parts.store.put(key, batch)
        return `s3://${cloud.bucket}/${key}`
      },
      attempt,
      resume: from?.bytes,
      earlier: earlier && { elapsedMs: earlier.atMs, costUsd: earlier.costUsd },
      engine: parts.engine,
      ...(request.envCode && { envCode: request.envCode }),
    })
  } finally {
    done.abort()
    await Promise.all(beside)
    // A result must not be lost, nor an error hidden, because something did not close.
    await cloud.close().catch((error: unknown) => parts.log(`${run}: ${sentence(error)}`))
  }
  if (!claim.held) throw lostClaim()
  const { progress, reason } = result.summary
  record.set({ progress })
  parts.log(`${run}: ${reason} after ${Math.round(progress.atMs / 1000)} s; ${progressLine(record)}`)
  return { result, stopped: stop.signal.aborted }
}

async function watchStop(
  record: RunRecord,
  { parts }: RunDesk,
  { stop, done }: { readonly stop: AbortController; readonly done: AbortSignal },
): Promise<void> {
  const { run } = record.current
  while (!done.aborted && !stop.signal.aborted) {
    const found = await parts.store.get(keys.stop(run)).catch(() => undefined) // it is asked again
    if (found?.kind === 'found') {
      record.onEvent({ level: 'info', text: 'asked to stop' })
      stop.abort()
    }
    await parts.clock.sleep(STOP_POLL_MS, done)
  }
}

async function saveCheckpoint(
  record: RunRecord,
  { parts, claim }: RunDesk,
  { bytes, updates, lasted }: { readonly bytes: Uint8Array; readonly updates: number; readonly lasted: boolean },
): Promise<void> {
  if (!claim.held) throw lostClaim()
  const { run, attempt, checkpoint: before } = record.current
  const { store, clock, log } = parts
  const key = keys.checkpoint(run, updates, attempt)
  // Lines of updates that a checkpoint has behind it are never made again.
  await record.save()
  await store.put(key, bytes)
  // A run that lasts so long each time is not what kills its learners; one that comes to its first update may be.
  record.set({ checkpoint: { key, updates, at: clock.now() }, ...(lasted && { losses: 0 }) })
  // What the status does not name nobody goes on from.
  await record.save()
  log(`${run}: checkpoint at update ${updates}, ${bytes.byteLength} bytes`)
  // The one before is kept, in case this one cannot be read. A learner that has taken over has none that is older than that.
  const old = (await store.list(keys.checkpoints(run))).filter((other) => before && other < before.key)
  if (old.length > 0) await store.delete(old)
}

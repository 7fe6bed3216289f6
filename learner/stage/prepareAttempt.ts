import { asDefinition } from '../../shared/env/index.ts'
import { RUN_FILES, configRecord, jsonFile } from '../run/files.ts'
import type { Experiment } from '../experiment.ts'
import { MetricsPieces, trimMetrics } from './metricsPieces.ts'
import type { StageParts } from './parts.ts'
import type { RunRequest } from './records.ts'
import { putFile } from './runEnd.ts'
import type { RunRecord } from './runRecord.ts'
import { type FoundCheckpoint, fitStage, newestCheckpoint, readModule } from './runSetting.ts'

/** What an attempt of a run starts from. */
export interface Prepared {
  readonly experiment: Experiment
  /** The checkpoint to resume from; undefined when the run starts from the beginning. */
  readonly from: FoundCheckpoint | undefined
}

/** @throws MillraceError E_EXPERIMENT, E_STORE */
export async function loadExperiment(request: RunRequest, parts: StageParts): Promise<Experiment> {
  return await parts.loadExperiment(await readModule(parts.store, request.module, 'the experiment'), request)
}

/**
 * The experiment as this stage runs it, and what the attempt goes on from. The files that are known already are written, and the
 * metrics log ends where the attempt begins.
 *
 * @throws MillraceError E_EXPERIMENT, E_STORE
 */
export async function prepareAttempt(record: RunRecord, request: RunRequest, parts: StageParts): Promise<Prepared> {
  const { store, stage, versions } = parts
  const { run, attempt, metricsPieces, startedAt = 0 } = record.current
  const tell = (text: string) => record.onEvent({ level: 'info', text })
  const experiment = fitStage(await loadExperiment(request, parts), stage, tell)
  const env = asDefinition(experiment.env).id
  const config = configRecord({ run, experiment, env, file: request.experiment, startedAt, versions })
  await putFile(record, [RUN_FILES.config, jsonFile(config)])
  if (request.envCode) {
    const code = await readModule(store, request.envCode, "the experiment's env")
    await putFile(record, [RUN_FILES.envCode, code])
  }
  if (attempt === 1) {
    record.logInto(new MetricsPieces(record.fence, run, 0))
    return { experiment, from: undefined }
  }
  const from = await newestCheckpoint(store, record.current, { experiment, tell })
  const kept = await trimMetrics({ store, fence: record.fence }, run, {
    pieces: metricsPieces,
    updates: from?.updates ?? -1,
  })
  record.logInto(new MetricsPieces(record.fence, run, kept))
  const where = from ? `goes on from update ${from.updates}` : 'begins anew: there is no checkpoint'
  tell(`attempt ${attempt} ${where}`)
  return { experiment, from }
}

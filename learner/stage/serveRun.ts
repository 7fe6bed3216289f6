import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { RUN_FILES, configRecord, jsonFile, resultFiles } from '../runFiles.ts'
import { readRecord } from './bucketRecords.ts'
import { MetricsPieces, trimMetrics } from './metricsPieces.ts'
import type { StageParts } from './parts.ts'
import { type RunRequest, RunStatus } from './records.ts'
import type { WaitingRun } from './requests.ts'
import { RunRecord, lostClaim, sentence } from './runRecord.ts'
import { checkVersion, fitStage, newestCheckpoint, readModule } from './runSetting.ts'
import { type RunDesk, trainAttempt } from './trainAttempt.ts'

/** Learners that may be lost over a run before it is taken for what kills them. */
const MAX_LOSSES = 5
const AGAIN_PAUSE_MS = 5_000
/** Not the run's own errors: the cloud's, after all retries. */
const CLOUDY = ['E_STORE', 'E_QUEUE', 'E_INVOKE'] as const

/** `again`: the run waits and may be taken at once. `handedOver`: this learner was asked to end, and the next one goes on. */
export type RunOutcome = 'over' | 'again' | 'handedOver'

/**
 * Works on a run until it is over, or is to be left to another learner.
 *
 * @throws MillraceError E_LEARNER when the claim was lost, E_STORE when how the run ended could not be written
 */
export async function serveRun({ run, request }: WaitingRun, desk: RunDesk): Promise<RunOutcome> {
  const { parts, claim } = desk
  const { store, clock } = parts
  const previous = await readRecord(store, keys.status(run), RunStatus)
  if (previous?.state === 'ended' || previous?.state === 'failed') {
    await tidy(store, run) // its learner was lost between its last word and this
    return 'over'
  }
  const record = new RunRecord(
    { ...parts, claim, heartbeatMs: parts.stage.heartbeatSeconds * 1000 },
    begun(run, { previous, request, now: clock.now() }),
  )
  claim.working(run)
  try {
    // Before anything of the user's runs: what takes the learner with it is to be seen in the status.
    await record.settle({ learner: { id: parts.learner, host: parts.host } })
    return await attemptAt(record, request, desk)
  } catch (error) {
    if (!claim.held) throw lostClaim()
    const losses = (record.current.losses ?? 0) + 1
    if (CLOUDY.some((code) => isMillraceError(error, code)) && losses < MAX_LOSSES) {
      record.onEvent({ level: 'warn', text: `interrupted: ${sentence(error)}; it goes on from its last checkpoint` })
      await record.settle({ state: 'waiting', losses })
      await clock.sleep(AGAIN_PAUSE_MS, desk.ending)
      return 'again'
    }
    const code = isMillraceError(error) ? error.code : 'E_INTERNAL'
    await record.settle({ state: 'failed', endedAt: clock.now(), error: { code, message: sentence(error) } })
    parts.log(`${run}: failed, ${code}: ${sentence(error)}`)
    await tidy(store, run)
    return 'over'
  } finally {
    claim.working(undefined)
  }
}

interface Begun {
  readonly previous: RunStatus | undefined
  readonly request: RunRequest | undefined
  readonly now: number
}

/** The status with which this attempt begins. A run that says it is running had a learner that was lost. */
function begun(run: string, { previous, request, now }: Begun): RunStatus {
  const fresh: RunStatus = {
    format: 1,
    run,
    experiment: request?.experiment ?? run,
    state: 'waiting',
    attempt: 0,
    at: now,
    requestedAt: request?.requestedAt ?? now,
    events: [],
    metricsPieces: 0,
  }
  const { error: _, heartbeatUntil: __, ...before } = previous ?? fresh
  const losses = (before.losses ?? 0) + (before.state === 'running' ? 1 : 0)
  return {
    ...before,
    at: now,
    losses,
    attempt: before.attempt + 1,
    state: 'running',
    startedAt: before.startedAt ?? now,
  }
}

async function attemptAt(record: RunRecord, request: RunRequest | undefined, desk: RunDesk): Promise<RunOutcome> {
  const { store, limit, stage, log, versions } = desk.parts
  const { run, attempt } = record.current
  const checked = checkRequest(record, request, versions.millrace)
  if ((await store.get(keys.stop(run))).kind === 'found') {
    record.onEvent({ level: 'info', text: 'stopped before it began' })
    return await end(record, desk, {})
  }
  log(`${run}: attempt ${attempt}, asked for at ${new Date(checked.requestedAt).toISOString()}`)
  const setting = await prepare(record, checked, desk.parts)
  // A dead-man that struck has set it to 0.
  if ((await limit.get()) !== stage.concurrency) await limit.set(stage.concurrency)
  const { result, stopped } = await trainAttempt(record, { request: checked, ...setting }, desk)
  if (result.summary.reason === 'interrupted' && !stopped) {
    record.onEvent({ level: 'warn', text: 'its learner had to end; the next one goes on from its last checkpoint' })
    await record.settle({ state: 'waiting' })
    return 'handedOver'
  }
  const { experiment } = setting
  const summary = { ...result.summary, run }
  const source = { experiment, env: asDefinition(experiment.env).id, ownEnv: checked.envCode !== undefined }
  for (const file of resultFiles({ ...result, ...source, summary })) await putFile(store, run, file)
  const curve = summary.curve.map(([steps, mean]): [number, number] => [steps, mean])
  return await end(record, desk, { summary: { ...summary, curve }, progress: summary.progress })
}

/** @throws MillraceError E_RUN, E_STAGE for a request of another version, E_LEARNER when the run was lost too often */
function checkRequest(record: RunRecord, request: RunRequest | undefined, own: string): RunRequest {
  const { run, losses = 0 } = record.current
  if (!request) throw new MillraceError('E_RUN', `the request of run ${run} cannot be read by Millrace ${own}`)
  checkVersion(request, own)
  if (losses < MAX_LOSSES) return request
  throw new MillraceError('E_LEARNER', `the run was given up: its learner was lost ${losses} times`, { run })
}

/** The experiment as this stage runs it, and what the attempt goes on from. The files that are known already are written. */
async function prepare(record: RunRecord, request: RunRequest, parts: StageParts) {
  const { store, stage, versions } = parts
  const { run, attempt, metricsPieces, startedAt = 0 } = record.current
  const tell = (text: string) => record.onEvent({ level: 'info', text })
  const module = await readModule(store, request.module, 'the experiment')
  const experiment = fitStage(await parts.loadExperiment(module, request), stage, tell)
  const env = asDefinition(experiment.env).id
  const config = configRecord({ run, experiment, env, file: request.experiment, startedAt, versions })
  await putFile(store, run, [RUN_FILES.config, jsonFile(config)])
  if (request.envCode) {
    const code = await readModule(store, request.envCode, "the experiment's env")
    await putFile(store, run, [RUN_FILES.envCode, code])
  }
  if (attempt === 1) {
    record.logInto(new MetricsPieces(store, run, 0))
    return { experiment, resume: undefined }
  }
  const earlier = await newestCheckpoint(store, run, { experiment, tell })
  const kept = await trimMetrics(store, run, { pieces: metricsPieces, updates: earlier?.updates ?? -1 })
  record.logInto(new MetricsPieces(store, run, kept))
  const from = earlier ? `goes on from update ${earlier.updates}` : 'begins anew: there is no checkpoint'
  tell(`attempt ${attempt} ${from}`)
  return { experiment, resume: earlier?.bytes }
}

/** The run is over: everything that says so, and then nothing is left that a learner would work on. */
async function end(record: RunRecord, { parts }: RunDesk, changes: Partial<RunStatus>): Promise<'over'> {
  await record.settle({ ...changes, state: 'ended', endedAt: parts.clock.now() })
  await tidy(parts.store, record.current.run)
  return 'over'
}

async function tidy(store: ObjectStore, run: string): Promise<void> {
  await store.delete([keys.request(run)])
  const checkpoints = await store.list(keys.checkpoints(run))
  if (checkpoints.length > 0) await store.delete(checkpoints)
}

async function putFile(store: ObjectStore, run: string, [name, body]: readonly [string, Uint8Array | string]) {
  await store.put(keys.result(run, name), typeof body === 'string' ? new TextEncoder().encode(body) : body)
}

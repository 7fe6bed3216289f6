import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { readRecord } from './bucketRecords.ts'
import { lostClaim } from './claim.ts'
import { reserveCeiling } from './ceiling.ts'
import { loadExperiment, prepareAttempt } from './prepareAttempt.ts'
import { type RunRequest, RunStatus } from './records.ts'
import type { WaitingRun } from './requests.ts'
import { endRun, failRun, tidy, writeResult } from './runEnd.ts'
import { RunRecord, sentence } from './runRecord.ts'
import { checkVersion, newestCheckpoint } from './runSetting.ts'
import { type RunDesk, trainAttempt } from './trainAttempt.ts'

/** Attempts in a row that may end without a new checkpoint. After that the run is taken to be the cause, and fails. */
const MAX_LOSSES = 5
const AGAIN_PAUSE_MS = 5_000
/** Errors of the cloud, after all retries; not the run's own. */
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
    // Its learner was lost after it wrote the final status, or could not clean up.
    if (!(await tidy(previous, parts))) await clock.sleep(AGAIN_PAUSE_MS, desk.ending)
    return 'over'
  }
  const record = new RunRecord(
    { ...parts, claim, heartbeatMs: parts.stage.heartbeatSeconds * 1000 },
    begun(run, { previous, request, now: clock.now() }),
  )
  claim.working(run)
  let checked: RunRequest | undefined
  try {
    // Before anything of the user's runs: what takes the learner with it is to be seen in the status.
    await record.settle({ learner: { id: parts.learner, host: parts.host } })
    checked = checkRequest(record, request, parts.versions.millrace)
    return await attemptAt(record, checked, desk)
  } catch (error) {
    if (!claim.held) throw lostClaim()
    if (await isInterrupted(record, error, desk)) return 'again'
    // What training came to before it failed is worth having; not of a request that is refused, or that takes its learners with it.
    if (checked)
      await concludeFromCheckpoint(record, checked, desk).catch((why: unknown) => parts.log(`${run}: ${sentence(why)}`))
    await failRun(record, parts, error)
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

/** @throws MillraceError E_RUN, E_STAGE for a request of another version, E_LEARNER when the run was lost too often */
function checkRequest(record: RunRecord, request: RunRequest | undefined, own: string): RunRequest {
  const { run, losses = 0 } = record.current
  if (!request) throw new MillraceError('E_RUN', `the request of run ${run} cannot be read by Millrace ${own}`)
  checkVersion(request, own)
  if (losses < MAX_LOSSES) return request
  throw new MillraceError('E_LEARNER', `the run was given up: its learner was lost ${losses} times`, { run })
}

async function attemptAt(record: RunRecord, request: RunRequest, desk: RunDesk): Promise<RunOutcome> {
  const { log } = desk.parts
  const { run, attempt } = record.current
  if (await isStopped(run, desk)) {
    record.onEvent({ level: 'info', text: attempt === 1 ? 'stopped before it began' : 'stopped between two learners' })
    await endRun(record, desk.parts, attempt === 1 ? {} : await concludeFromCheckpoint(record, request, desk))
    return 'over'
  }
  log(`${run}: attempt ${attempt}, asked for at ${new Date(request.requestedAt).toISOString()}`)
  const prepared = await prepareAttempt(record, request, desk.parts)
  await reserveCeiling(desk.parts)
  const { result, stopped } = await trainAttempt(record, { request, ...prepared }, desk)
  // `stop --now` ends the machine in the moment in which it says why.
  if (result.summary.reason === 'interrupted' && !stopped && !(await isStopped(run, desk))) {
    record.onEvent({ level: 'warn', text: 'its learner had to end; the next one goes on from its last checkpoint' })
    await record.settle({ state: 'waiting' })
    return 'handedOver'
  }
  const { experiment } = prepared
  await endRun(record, desk.parts, await writeResult(record, { result, experiment, request }))
  return 'over'
}

/** Has the user asked to stop the run? */
const isStopped = async (run: string, { parts }: RunDesk): Promise<boolean> =>
  (await parts.store.get(keys.stop(run))).kind === 'found'

/** Handles an error of the cloud: the run waits a little and resumes from its last checkpoint. @throws as `RunRecord.settle` */
async function isInterrupted(record: RunRecord, error: unknown, { parts, ending }: RunDesk): Promise<boolean> {
  const losses = (record.current.losses ?? 0) + 1
  if (losses >= MAX_LOSSES || !CLOUDY.some((code) => isMillraceError(error, code))) return false
  record.onEvent({ level: 'warn', text: `interrupted: ${sentence(error)}; it goes on from its last checkpoint` })
  await record.settle({ state: 'waiting', losses })
  await parts.clock.sleep(AGAIN_PAUSE_MS, ending)
  return true
}

/**
 * Makes the result of a run that is not trained any further, from its newest checkpoint: an attempt that ends before it starts.
 *
 * @returns what its status says of it: nothing where there is no checkpoint
 */
async function concludeFromCheckpoint(record: RunRecord, request: RunRequest, desk: RunDesk) {
  const { store } = desk.parts
  const { run } = record.current
  const experiment = await loadExperiment(request, desk.parts)
  const from = await newestCheckpoint(store, record.current, {
    experiment,
    tell: (text) => desk.parts.log(`${run}: ${text}`),
  })
  if (!from) return {}
  record.onEvent({ level: 'info', text: `its result is that of its last checkpoint, at update ${from.updates}` })
  const { result } = await trainAttempt(record, { request, experiment, from, over: true }, desk)
  return await writeResult(record, { result, experiment, request })
}

import type { RunStatus, StopRequest } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import { endRun, stopFunctions } from '../stage/endRun.ts'
import { findRun, requestedRuns } from '../stage/runs.ts'
import { isOver, livingLearner, putIfAbsent, readStatus } from '../stage/runRecords.ts'
import type { OpenStage, Stage } from '../stage/stage.ts'
import { print } from '../display/wrap.ts'

export interface StopOptions {
  readonly stage: string
  /** Which run; all of the stage without it. */
  readonly run?: string
  /** Do not wait for the learner: stop functions and learner in the cloud at once. */
  readonly now: boolean
}

export interface StopParts {
  readonly openStage: OpenStage
  readonly clock: Clock
  /** Who asks, for the record. */
  readonly by: string
}

/** A learner ends a run at its next clean boundary and writes its result: seconds. */
const PATIENCE_MS = 60_000
const POLL_MS = 1000
/** A machine that is told to end is given half a minute for it, and mostly needs a second. */
const SETTLE_MS = 30_000

/**
 * `millrace stop`: ends runs of a stage. It asks the learner; without one, or with `now`, it ends them itself. It prints each action
 * as a line, and may be repeated.
 *
 * @throws MillraceError E_RUN for a run that does not exist, E_PERMISSION, E_AWS and as the store does
 */
export async function stopCommand(options: StopOptions, host: Host, parts: StopParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const stage = await parts.openStage(options.stage, { cwd: host.cwd })
    const { clock } = parts
    const { signal } = interrupts
    const say = (text: string) => print(host.out, text)
    const stopping: Stopping = { stage, clock, signal, say, by: parts.by, now: options.now }
    const runs =
      options.run === undefined
        ? await requestedRuns(stage.store)
        : [(await findRun(stage.store, options.run)).value.run]
    if (runs.length === 0) say(`no run is waiting or running on stage ${options.stage}`)
    const forced = await stopRuns(runs, stopping)
    if (signal.aborted) {
      say('not waiting for it any longer; the learner was told and still ends it')
      return interrupts.exitCode() ?? EXIT.interrupted
    }
    await quieten(forced, stopping)
    for (const run of forced) await settle(run, stopping)
    return EXIT.ok
  } finally {
    interrupts.close()
  }
}

interface Stopping extends Pick<StopParts, 'clock' | 'by'> {
  readonly stage: Stage
  readonly signal: AbortSignal
  readonly now: boolean
  say(this: void, text: string): void
}

/** @returns the runs that are not left to their learner */
async function stopRuns(runs: readonly string[], stopping: Stopping): Promise<readonly string[]> {
  const asked: string[] = []
  const forced: string[] = []
  for (const run of runs) {
    const way = await begin(run, stopping)
    if (way === 'asked') asked.push(run)
    if (way === 'forced') forced.push(run)
  }
  const deadline = stopping.clock.monotonic() + PATIENCE_MS
  for (const run of asked) {
    if (await ended(run, deadline, stopping)) continue
    if (stopping.signal.aborted) return forced
    stopping.say(`the learner has not ended run ${run} within ${PATIENCE_MS / 1000} s; ending it in its place`)
    await force(run, stopping)
    forced.push(run)
  }
  return forced
}

/** The first step for a run: it is over, taken back, with the learner to end, or ended by force. */
async function begin(run: string, stopping: Stopping): Promise<'over' | 'asked' | 'forced'> {
  const { stage, clock, by, now, say } = stopping
  const { store } = stage
  const status = (await readStatus(store, run))?.value
  if (status && isOver(status)) {
    await stopFunctions(store, status)
    await store.delete([keys.request(run)])
    say(`run ${run} is over already (${status.state})`)
    return 'over'
  }
  const wish: StopRequest = { format: 1, at: clock.now(), by }
  await putIfAbsent(store, keys.stop(run), wish)
  const living = now ? undefined : await livingLearner(store, clock.now())
  // A learner that takes a run between two learners makes its policy of its checkpoint; one that is busy need not be waited for.
  const concludes = status?.checkpoint && living && (living.run === undefined || living.run === run)
  if (status?.state !== 'running' && !concludes) {
    const after = await endRun(store, run, { now: clock.now(), only: 'waiting' })
    if (!after || isOver(after)) {
      say(`took run ${run} back: no learner was at it`)
      return 'over'
    }
  }
  if (living) {
    say(`asked the learner on ${living.host} to end run ${run}`)
    return 'asked'
  }
  if (!now) say(`no learner is up; ending run ${run} in its place`)
  await force(run, stopping)
  return 'forced'
}

async function force(run: string, { stage: { store }, say }: Stopping): Promise<void> {
  const status = (await readStatus(store, run))?.value
  if (status && (await stopFunctions(store, status)) === 'told')
    say(`told the functions of run ${run} to stop: each ends with its fragment`)
}

/** Waits for the learner to end a run, and makes sure that its functions were told to stop. */
async function ended(run: string, deadline: number, { stage, clock, signal, say }: Stopping): Promise<boolean> {
  for (; !signal.aborted; await clock.sleep(POLL_MS, signal)) {
    const status: RunStatus | undefined = (await readStatus(stage.store, run))?.value
    if (!status || isOver(status)) {
      if (status) await stopFunctions(stage.store, status)
      const updates = status?.summary?.progress.updates
      say(
        `run ${run} ended${updates === undefined ? '' : ` after ${updates} updates`}; its functions were told to stop`,
      )
      return true
    }
    if (clock.monotonic() >= deadline) return false
  }
  return false
}

/** A learner that is up, and whose machine was told to end, writes the run's result; where none does, the run is ended without one. */
async function settle(run: string, { stage, clock, signal, say }: Stopping): Promise<void> {
  const { store } = stage
  const deadline = clock.monotonic() + SETTLE_MS
  while (clock.monotonic() < deadline && !signal.aborted) {
    const status = (await readStatus(store, run))?.value
    if (!status || isOver(status) || (await livingLearner(store, clock.now()))?.run !== run) break
    await clock.sleep(POLL_MS, signal)
  }
  const updates = (await endRun(store, run, { now: clock.now() }))?.summary?.progress.updates
  say(`run ${run} ended${updates === undefined ? '' : ` after ${updates} updates`}`)
}

/** With nothing left to do, no function may start and no learner need wait. */
async function quieten(forced: readonly string[], { stage, clock, say, now }: Stopping): Promise<void> {
  const { store, group, concurrency, description } = stage
  const left = (await requestedRuns(store)).filter((run) => !forced.includes(run))
  if (left.length > 0) {
    say(`${left.length === 1 ? `run ${left[0]} still waits` : `${left.length} runs still wait`} for the learner`)
    return
  }
  if (now || forced.length > 0) {
    await concurrency.set(0)
    say('functions: none can start until the next run')
  }
  if (description.learner.kind !== 'anywhere') {
    const { desired } = await group.size()
    if (desired > 0) await group.set(0)
    say(desired > 0 ? 'learner: its machine was told to end' : 'learner: no machine is asked for')
    return
  }
  const living = await livingLearner(store, clock.now())
  if (living) say(`the learner on ${living.host} idles; Ctrl-C there ends it`)
}

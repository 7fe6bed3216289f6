import type { Clock } from '../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { reserveCeiling } from './ceiling.ts'
import { StageClaim, claimStage, lostClaim } from './claim.ts'
import { keepArmed } from './deadManKeeper.ts'
import type { StageParts } from './parts.ts'
import { waitingRuns } from './requests.ts'
import { sentence } from './runRecord.ts'
import { serveRun } from './serveRun.ts'

/** How often an idle learner polls for a run. */
const LOOK_EVERY_MS = 2_000
/** How long a run that is handed over may wait for another machine before the dead-man strikes. */
const HAND_OVER_MS = 30 * 60_000
const MS_PER_HOUR = 3_600_000

/**
 * The learner of a stage: takes the stage, works on the runs that were asked for, the oldest first, and ends when none has come for the
 * stage's idle time, or it has been up for its longest time, or its machine is about to go.
 *
 * It postpones the dead-man all the while, so that the dead-man strikes when this process hangs, dies, or cannot reach AWS. It is disarmed when
 * the learner ends with nothing left to do.
 *
 * @throws MillraceError E_LEARNER when another learner takes the stage over, or has it and `once` is set; else what the cloud failed with
 */
export async function serveStage(parts: StageParts): Promise<void> {
  const { stage, log } = parts
  const ending = new Ending(parts)
  const done = new AbortController()
  const beside = [ending.watch(done.signal)]
  try {
    const claim = await takeStage(parts, ending)
    if (!claim) return
    log(`serving stage ${stage.stage} of ${stage.app} on ${parts.host}, as learner ${parts.learner}`)
    const armed = { ...parts, afterMs: stage.deadMan.afterSeconds * 1000, onStruck: () => reserveCeiling(parts) }
    beside.push(claim.keep(done.signal), keepArmed(armed, done.signal))
    await serveRuns(parts, claim, ending)
    done.abort()
    await Promise.all(beside)
    await leave(parts, claim, ending)
  } finally {
    done.abort()
    await Promise.all(beside)
    ending.close()
  }
}

/** Why the learner is to end, if it is: asked from outside, its machine goes, or it has been up for long. */
class Ending {
  private readonly parts: StageParts
  private readonly controller = new AbortController()
  private readonly asked = () => this.end('asked to end')
  /** Its maximum time is over: the group is set to zero. */
  tooLong = false

  constructor(parts: StageParts) {
    this.parts = parts
    parts.signal.addEventListener('abort', this.asked, { once: true })
    if (parts.signal.aborted) this.asked()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  async watch(done: AbortSignal): Promise<void> {
    const { clock, stage, spotNotice } = this.parts
    const until = clock.monotonic() + stage.maxHours * MS_PER_HOUR
    const notice = spotNotice?.(done).then((text) => {
      if (text !== undefined) this.end(text)
    })
    await sleepUntil(clock, until, done)
    if (!done.aborted) {
      this.tooLong = true
      this.end(`up for ${stage.maxHours} hours, the longest that the stage lets a learner be`)
    }
    await notice
  }

  close(): void {
    this.parts.signal.removeEventListener('abort', this.asked)
  }

  private end(why: string): void {
    if (this.signal.aborted) return
    this.parts.log(why)
    this.controller.abort()
  }
}

/** A timer takes at most 24 days; sleeping in pieces takes any time. */
async function sleepUntil(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && clock.monotonic() < at)
    await clock.sleep(Math.min(MS_PER_HOUR, at - clock.monotonic()), signal)
}

/** The stage, once no other living learner has it; undefined when this one is to end before that. */
async function takeStage(parts: StageParts, { signal }: Ending): Promise<StageClaim | undefined> {
  const { clock, stage, once, log } = parts
  const heartbeatMs = stage.heartbeatSeconds * 1000
  let told = ''
  while (!signal.aborted) {
    const claim = await claimStage({ ...parts, heartbeatMs })
    if (claim instanceof StageClaim) return claim
    const other = `another learner serves the stage, on ${claim.host} since ${new Date(claim.startedAt).toISOString()}`
    if (once) throw new MillraceError('E_LEARNER', other, { learner: claim.learner })
    if (told !== claim.learner) log(`${other}; this one takes over when it ends`)
    told = claim.learner
    await clock.sleep(Math.min(heartbeatMs / 3, Math.max(0, claim.heartbeatUntil - clock.now()) + 1), signal)
  }
  return undefined
}

/** Works until nothing has come for long, or the learner is to end. */
async function serveRuns(parts: StageParts, claim: StageClaim, ending: Ending): Promise<void> {
  const { store, clock, stage, once, log } = parts
  const idleMs = once ? 0 : stage.idleMinutes * 60_000
  let idleSince: number | undefined
  while (!ending.signal.aborted) {
    if (claim.lost.aborted) throw lostClaim()
    const [next] = await waitingRuns(store).catch((error: unknown) => {
      if (!isMillraceError(error, 'E_STORE') || once) throw error
      log(`cannot look for runs: ${sentence(error)}`)
      return []
    })
    if (next) {
      idleSince = undefined
      await serveRun(next, { parts, claim, ending: ending.signal })
      continue
    }
    if (idleSince === undefined) log(once ? 'no run waits' : `no run waits; ends in ${timeOf(stage.idleMinutes)}`)
    idleSince ??= clock.monotonic()
    if (clock.monotonic() - idleSince >= idleMs) return
    await clock.sleep(LOOK_EVERY_MS, ending.signal)
  }
}

const timeOf = (minutes: number): string => (minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`)

/**
 * Releases the stage, and sets the group to zero if no machine is needed any more. The dead-man is disarmed only if nothing is left that
 * could cost money.
 */
async function leave(parts: StageParts, claim: StageClaim, ending: Ending): Promise<void> {
  const { stage, deadMan, log } = parts
  try {
    if (!ending.signal.aborted || ending.tooLong) await endMachine(parts, claim, ending)
    else {
      const waiting = await countWaiting(parts)
      if (waiting > 0) await deadMan.arm(parts.clock.now() + HAND_OVER_MS)
      else if (stage.learner.kind === 'anywhere') await deadMan.disarm()
    }
  } catch (error) {
    log(`ended, but not all of it could be done: ${sentence(error)}`)
  }
  await claim.release()
}

/**
 * No machine, then no dead-man, then no claim, and only then a look for runs: whoever asks for one before that is seen here, and whoever
 * asks after it sees that nobody serves, and wakes a learner. A machine that was just let go cannot be kept: a run gets a new one.
 */
async function endMachine(parts: StageParts, claim: StageClaim, { tooLong }: Ending): Promise<void> {
  const { stage, group, deadMan, clock } = parts
  await group.set(0)
  await deadMan.disarm()
  await claim.release()
  const waiting = await countWaiting(parts)
  if (waiting === 0 || tooLong || stage.learner.kind === 'anywhere') return
  await deadMan.arm(clock.now() + HAND_OVER_MS)
  await group.set(1)
}

async function countWaiting({ store, log }: StageParts): Promise<number> {
  const waiting = (await waitingRuns(store)).length
  log(waiting > 0 ? `ended; ${waiting} ${waiting === 1 ? 'run waits' : 'runs wait'} for the next learner` : 'ended')
  return waiting
}

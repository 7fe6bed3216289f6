import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { aliveRuns, aliveWords } from '../stage/aliveRuns.ts'
import { FORGOTTEN, doctorSince } from '../stage/doctorMarker.ts'
import { livingLearner } from '../stage/runRecords.ts'
import type { Stage } from '../stage/stage.ts'
import { armForStart } from '../stage/wakeLearner.ts'
import { type DoctorContext, othersRuns } from './context.ts'

const PREFIXES = ['runs/', 'policies/', 'batches/', 'states/', 'code/', 'graphs/', 'checkpoints/', keys.requests]

/** The state of the stage before the doctor. */
export interface Before {
  readonly concurrency: number | undefined
  readonly desired: 0 | 1
  /** An expired claim of an earlier learner lies in the bucket. */
  readonly claimed: boolean
}

/**
 * Reads the state of a stage, and refuses a stage that is in use: the doctor stops functions, and receives from the queue.
 * @throws MillraceError E_RUN while a run waits or is under way, or another doctor is there
 */
export async function prepareStage({ store, group, concurrency, description }: Stage, now: number): Promise<Before> {
  const { stage } = description
  const runs = await aliveRuns(store, now)
  if (runs.length > 0) {
    const { are, them } = aliveWords(runs, stage)
    throw new MillraceError(
      'E_RUN',
      `${are}, and the doctor would end ${them}; wait for ${them}, or millrace stop --stage ${stage}`,
    )
  }
  const since = await doctorSince(store, now)
  if (since !== undefined)
    throw new MillraceError('E_RUN', `another doctor is at stage ${stage}, since ${since}; ${FORGOTTEN}`)
  if ((await store.get(keys.doctor)).kind === 'found') await store.delete([keys.doctor])
  const [reserved, { desired }] = await Promise.all([concurrency.get(), group.size()])
  const claimed = (await store.get(keys.claim)).kind === 'found'
  return { concurrency: reserved, desired: desired > 0 ? 1 : 0, claimed }
}

/** What is left after the doctor. */
export interface Left {
  /** What could not be put back. */
  readonly problems: readonly string[]
  /** A learner is up or comes up, and the dead-man is armed. */
  readonly alive: boolean
}

/**
 * Restores the stage and deletes what the doctor made. A failure is reported, and the other steps are still done. A run that was requested
 * meanwhile keeps what it needs. Where a learner is up or starting, the dead-man is armed, whatever it was before.
 */
export async function restoreStage(context: DoctorContext, before: Before): Promise<Left> {
  const { stage, name, runs } = context
  const { store, concurrency, group, deadMan, description } = stage
  const now = context.clock.now()
  const problems: string[] = []
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await attempt('requests', () => store.delete(runs.map(({ run }) => keys.request(run)))) // first: no learner may take one now
  let others = false
  let alive = before.desired > 0
  await attempt('runs of others', async () => {
    others = (await othersRuns(context)).length > 0
    alive ||= others || (await livingLearner(store, now)) !== undefined
  })
  if (alive) await attempt('the dead-man', async () => await armForStart(stage, now))
  await attempt('the learner’s group', async () => await group.set(others ? 1 : before.desired))
  if (!alive)
    await attempt('the dead-man', async () => {
      if ((await context.settings.schedules()).some(({ enabled }) => enabled)) await deadMan.disarm()
    })
  await attempt('the ceiling of functions', async () => {
    const wanted = (others ? undefined : before.concurrency) ?? description.concurrency
    if ((await concurrency.get()) !== wanted) await concurrency.set(wanted)
  })
  await attempt('messages', () => dropMessages(context))
  await attempt('objects', async () => {
    const found = (await Promise.all(PREFIXES.map((prefix) => store.list(`${prefix}${name}`)))).flat()
    const listed = runs.map(({ run, requestedAt }) => keys.listed(run, requestedAt))
    const lives = before.claimed || (await livingLearner(store, now)) !== undefined
    await store.delete([...found, ...listed, ...(lives ? [] : [keys.claim]), keys.doctor])
  })
  return { problems, alive }
}

/** Deletes messages that functions of the doctor's runs still sent. */
async function dropMessages({ queue, name }: DoctorContext): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    const messages = await queue.receive({ max: 10, waitMs: 0 })
    if (messages.length === 0) return
    await queue.delete(messages.filter(({ body }) => body.includes(`"${name}`)))
  }
}

import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { aliveRuns, aliveWords } from '../stage/aliveRuns.ts'
import { FORGOTTEN, doctorSince } from '../stage/doctorVisit.ts'
import { livingLearner } from '../stage/runRecords.ts'
import type { Stage } from '../stage/stage.ts'
import { armForStart } from '../stage/wakeLearner.ts'
import { type Patient, othersRuns } from './patient.ts'

const PREFIXES = ['runs/', 'policies/', 'batches/', 'states/', 'code/', 'checkpoints/', keys.requests]

/** What the stage was like before. */
export interface Before {
  readonly concurrency: number | undefined
  readonly desired: 0 | 1
  /** A learner had been there, and its word, long since run out, still lies in the bucket. */
  readonly claimed: boolean
}

/**
 * Refuses a stage at work: the doctor stops functions, and receives from the queue.
 * @throws MillraceError E_RUN while a run waits or is under way, or another doctor is there
 */
export async function comeIn({ store, group, concurrency, description }: Stage, now: number): Promise<Before> {
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

/** What a visit leaves behind. */
export interface Left {
  /** What could not be put back. */
  readonly problems: readonly string[]
  /** A learner is up or comes up, and the dead-man is armed. */
  readonly alive: boolean
}

/**
 * Puts everything back and deletes what was made. What fails is told, and does not keep the rest from being done. A run that came meanwhile
 * has what it needs; and wherever a learner is up or comes up, the dead-man is armed, whatever it was before.
 */
export async function goOut(patient: Patient, before: Before): Promise<Left> {
  const { stage, name, runs } = patient
  const { store, concurrency, group, deadMan, description } = stage
  const now = patient.clock.now()
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
    others = (await othersRuns(patient)).length > 0
    alive ||= others || (await livingLearner(store, now)) !== undefined
  })
  if (alive) await attempt('the dead-man', async () => await armForStart(stage, now))
  await attempt('the learner’s group', async () => await group.set(others ? 1 : before.desired))
  if (!alive)
    await attempt('the dead-man', async () => {
      if ((await patient.settings.schedules()).some(({ enabled }) => enabled)) await deadMan.disarm()
    })
  await attempt('the ceiling of functions', async () => {
    const wanted = (others ? undefined : before.concurrency) ?? description.concurrency
    if ((await concurrency.get()) !== wanted) await concurrency.set(wanted)
  })
  await attempt('messages', () => dropMessages(patient))
  await attempt('objects', async () => {
    const found = (await Promise.all(PREFIXES.map((prefix) => store.list(`${prefix}${name}`)))).flat()
    const listed = runs.map(({ run, requestedAt }) => keys.listed(run, requestedAt))
    const lives = before.claimed || (await livingLearner(store, now)) !== undefined
    await store.delete([...found, ...listed, ...(lives ? [] : [keys.claim]), keys.doctor])
  })
  return { problems, alive }
}

/** What functions of the doctor's runs still sent. */
async function dropMessages({ queue, name }: Patient): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    const messages = await queue.receive({ max: 10, waitMs: 0 })
    if (messages.length === 0) return
    await queue.delete(messages.filter(({ body }) => body.includes(`"${name}`)))
  }
}

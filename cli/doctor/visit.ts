import { z } from 'zod'
import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { livingLearner, readFound } from '../stage/runRecords.ts'
import { requestedRuns } from '../stage/runs.ts'
import type { Stage } from '../stage/stage.ts'
import type { Patient } from './patient.ts'

const Marker = z.object({ name: z.string(), at: z.number() })
/** A doctor takes that long at most; one that left its marker for longer was killed. */
const LONGEST_VISIT_MS = 60 * 60_000
const PREFIXES = ['runs/', 'policies/', 'batches/', 'code/', 'checkpoints/', keys.requests]

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
  const [runs, learner] = await Promise.all([requestedRuns(store), livingLearner(store, now)])
  const run = learner?.run ?? runs[0]
  if (run !== undefined)
    throw new MillraceError(
      'E_RUN',
      `run ${run} is waiting or under way on stage ${stage}, and the doctor would end it; wait for it, or millrace stop --stage ${stage}`,
    )
  const marker = await readFound(store, keys.doctor, Marker)
  if (marker && now - marker.value.at < LONGEST_VISIT_MS)
    throw new MillraceError(
      'E_RUN',
      `another doctor is at stage ${stage}, since ${new Date(marker.value.at).toISOString()}; one that was killed is forgotten after an hour`,
    )
  if (marker) await store.delete([keys.doctor])
  const [reserved, { desired }] = await Promise.all([concurrency.get(), group.size()])
  const claimed = (await store.get(keys.claim)).kind === 'found'
  return { concurrency: reserved, desired: desired > 0 ? 1 : 0, claimed }
}

/** Puts everything back and deletes what was made. What fails is told, and does not keep the rest from being done. */
export async function goOut(patient: Patient, before: Before): Promise<readonly string[]> {
  const { stage, name, runs } = patient
  const { store, concurrency, group, deadMan, description } = stage
  const problems: string[] = []
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await attempt('requests', () => store.delete(runs.map(({ run }) => keys.request(run)))) // first: no learner may take one now
  await attempt('the learner’s group', async () => await group.set(before.desired))
  await attempt('the dead-man', async () => {
    if ((await patient.settings.schedules()).some(({ enabled }) => enabled)) await deadMan.disarm()
  })
  await attempt('the ceiling of functions', async () => {
    const wanted = before.concurrency ?? description.concurrency
    if ((await concurrency.get()) !== wanted) await concurrency.set(wanted)
  })
  await attempt('messages', () => dropMessages(patient))
  await attempt('objects', async () => {
    const found = (await Promise.all(PREFIXES.map((prefix) => store.list(`${prefix}${name}`)))).flat()
    const listed = runs.map(({ run, requestedAt }) => keys.listed(run, requestedAt))
    const lives = before.claimed || (await livingLearner(store, patient.clock.now())) !== undefined
    await store.delete([...found, ...listed, ...(lives ? [] : [keys.claim]), keys.doctor])
  })
  return problems
}

/** What functions of the doctor's runs still sent. */
async function dropMessages({ queue, name }: Patient): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    const messages = await queue.receive({ max: 10, waitMs: 0 })
    if (messages.length === 0) return
    await queue.delete(messages.filter(({ body }) => body.includes(`"${name}`)))
  }
}

import type { RunStatus, StopRequest } from '../../../learner/stage/records.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { usd } from '../../display/format.ts'
import { isOver, livingLearner, putIfAbsent, readStatus } from '../../stage/runRecords.ts'
import { typed } from '../../stage/stage.ts'
import { submitRun } from '../../stage/submitRun.ts'
import { wakeLearner } from '../../stage/wakeLearner.ts'
import { type Item, type Seen, failed, passed, skipped } from '../item.ts'
import { type DoctorContext, within } from '../context.ts'

/** As small as a run can be. */
const SMALL = {
  'rollouts.shards': '1',
  'rollouts.envsPerShard': '4',
  'rollouts.fragmentLength': '10',
  'algorithm.trainBatchSteps': '80',
} as const
const ENV_STEPS = 1000

const RUN = 'learner: a run'

export function learnerItems({ stage }: { readonly stage: string }): readonly Item[] {
  const logs = `millrace logs --stage ${stage} --of learner --since 30m shows what it wrote`
  return [
    {
      name: 'learner: group',
      pass: 'it holds none or one machine, and none is up that nobody asked for',
      advice: `millrace stop --stage ${stage} asks for none; deploy the stage again if its bounds are wrong`,
      async look({ stage: { group, description }, settings }) {
        if (description.learner.kind === 'anywhere') return skipped('the learner is a machine of your own')
        const [bounds, { desired, running }] = await Promise.all([settings.groupBounds(), group.size()])
        const saw = `${desired} asked for, ${running} up${bounds ? `, at least ${bounds.min}, at most ${bounds.max}` : ''}`
        return running <= desired && (!bounds || (bounds.min === 0 && bounds.max === 1)) ? passed(saw) : failed(saw)
      },
    },
    {
      name: RUN,
      disturbs: true,
      pass: `a learner comes, takes a run of ${ENV_STEPS} env steps, and ends it`,
      advice: logs,
      needs: ['rollout function: first call'],
      look: firstRun,
    },
    {
      name: 'learner: stop',
      disturbs: true,
      pass: 'a run that would go on for long ends when it is told to',
      advice: logs,
      needs: [RUN],
      look: stoppedRun,
    },
  ]
}

/** Once the log has been looked at. */
export const learnerGone: Item = {
  name: 'learner: gone',
  disturbs: true,
  pass: 'with none asked for, it leaves the stage and its machine goes away',
  advice: 'end the machine in the AWS console, so that it costs nothing more, and deploy the stage again',
  async look(context) {
    const { group, store, description } = context.stage
    if (description.learner.kind === 'anywhere') return skipped('the learner is a machine of your own')
    const startedAt = context.clock.monotonic()
    await group.set(0)
    const gone = await within(context.limits.learnerGone, context, async () => {
      const [{ desired, running }, living] = [await group.size(), await livingLearner(store, context.clock.now())]
      return desired === 0 && running === 0 && !living ? context.clock.monotonic() - startedAt : undefined
    })
    if (gone === undefined) return failed(`still up after ${context.limits.learnerGone / 60_000} minutes`)
    return passed(`none is up, after ${seconds(gone)}`)
  },
}

async function firstRun(context: DoctorContext): Promise<Seen> {
  const { stage, clock, limits } = context
  const living = await livingLearner(stage.store, clock.now())
  if (stage.description.learner.kind === 'anywhere' && !living)
    return skipped(`no learner is up; start one with ${typed.learner(stage.description)}, then run the doctor again`)
  const run = await submit(context, 'run', { 'stop.envSteps': String(ENV_STEPS) })
  const requestedAt = clock.monotonic()
  await wakeLearner(stage, clock.now())
  const taken = await within(limits.learnerUp, context, () => status(context, run, ({ state }) => state !== 'waiting'))
  if (!taken) return failed(`no learner took it within ${limits.learnerUp / 60_000} minutes`)
  for (const submitted of context.runs) submitted.taken ||= submitted.run === run
  const takenAt = clock.monotonic()
  const over = await within(limits.run, context, () => status(context, run, isOver))
  if (!over) return failed(`it was not over within ${limits.run / 1000} s`)
  if (over.error) return failed(`${over.error.code}: ${over.error.message}`)
  if (!over.summary) return failed('it ended without a summary')
  context.bill.run(over.summary)
  const { envSteps, updates, costUsd } = over.summary.progress
  return passed(
    `taken after ${seconds(takenAt - requestedAt)}, over ${seconds(clock.monotonic() - takenAt)} later: ${envSteps} env steps, ${updates} updates, ${usd(costUsd)}`,
  )
}

async function stoppedRun(context: DoctorContext): Promise<Seen> {
  const { stage, clock, limits } = context
  const run = await submit(context, 'stop', { 'stop.envSteps': '100000000', 'stop.seconds': '300' })
  await wakeLearner(stage, clock.now())
  const under = await within(limits.learnerUp, context, () =>
    status(context, run, (now) => isOver(now) || (now.progress?.updates ?? 0) > 0),
  )
  if (!under || isOver(under)) return failed(under ? `it ended too early (${under.state})` : 'it never began')
  const askedAt = clock.monotonic()
  const wish: StopRequest = { format: 1, at: askedAt, by: 'millrace doctor' }
  await putIfAbsent(stage.store, keys.stop(run), wish)
  const over = await within(limits.run, context, () => status(context, run, isOver))
  if (!over) return failed(`it went on for ${limits.run / 1000} s`)
  if (over.summary) context.bill.run(over.summary)
  const saw = `over ${seconds(clock.monotonic() - askedAt)} after it was told, as '${over.summary?.reason ?? over.state}'`
  return over.summary?.reason === 'interrupted' ? passed(saw) : failed(saw)
}

async function submit(context: DoctorContext, what: string, set: Readonly<Record<string, string>>): Promise<string> {
  const run = `${context.name}-${what}`
  const requestedAt = context.clock.now()
  context.runs.push({ run, requestedAt, taken: false })
  await submitRun(context.stage.store, {
    run,
    experiment: 'doctor',
    millrace: context.millrace,
    requestedAt,
    module: await context.learnerModule(),
    set: { ...SMALL, ...set },
  })
  return run
}

async function status(
  { stage }: DoctorContext,
  run: string,
  is: (status: RunStatus) => boolean,
): Promise<RunStatus | undefined> {
  const found = (await readStatus(stage.store, run))?.value
  return found && is(found) ? found : undefined
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

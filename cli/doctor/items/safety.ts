import { EVENTS } from '../../../infra/aws/limits.ts'
import { isMillraceError } from '../../../shared/errors.ts'
import { type Item, failed, passed } from '../item.ts'
import { type DoctorContext, within } from '../context.ts'

const HOUR_MS = 3_600_000
const DEPLOY = 'deploy the stage again'

/** What keeps a stage from running, and costing, when it should not. */
export function safetyItems({ strike }: { readonly strike: boolean }): readonly Item[] {
  return [
    {
      name: 'functions: ceiling',
      pass: 'as many functions are reserved as the settings say, or none since a stop',
      advice: DEPLOY,
      async look({ stage: { concurrency, description } }) {
        const reserved = await concurrency.get()
        const saw = reserved === undefined ? 'nothing is reserved' : `${reserved} of ${description.concurrency}`
        return reserved === 0 || reserved === description.concurrency ? passed(saw) : failed(saw)
      },
    },
    {
      name: 'functions: stop and start',
      disturbs: true,
      pass: 'with none reserved a call is throttled (429), with the ceiling it is not',
      advice: DEPLOY,
      async look(context) {
        const { concurrency, description } = context.stage
        await concurrency.set(0)
        const stoppedMs = await until(context, true)
        await concurrency.set(description.concurrency)
        const startedMs = await until(context, false)
        if (stoppedMs === undefined) return failed('a call got through with none reserved')
        if (startedMs === undefined) return failed('calls were still throttled with the ceiling reserved')
        return passed(`throttled after ${stoppedMs} ms, working again after ${startedMs} ms`)
      },
    },
    {
      name: 'functions: failed events',
      pass: `an event that fails is not retried, and not started when older than ${EVENTS.maxAgeSeconds} s`,
      advice: DEPLOY,
      async look({ settings, stage }) {
        const { retries, maxAgeSeconds } = await settings.eventInvokeConfig(stage.description.rolloutFunction)
        const saw = `retries ${retries ?? 'as Lambda likes'}, age ${maxAgeSeconds ?? 'as Lambda likes'}`
        return retries === EVENTS.retries && maxAgeSeconds === EVENTS.maxAgeSeconds ? passed(saw) : failed(saw)
      },
    },
    {
      name: 'dead-man: schedules',
      disturbs: true,
      pass: 'each can be armed an hour ahead, and disarmed',
      advice: 'deploy the stage again; E_PERMISSION names a right to have allowed',
      async look({ stage: { deadMan, description }, settings, clock }) {
        const at = Math.floor((clock.now() + HOUR_MS) / 1000) * 1000
        await deadMan.arm(at)
        const armed = await settings.schedules()
        await deadMan.disarm()
        const disarmed = await settings.schedules()
        const expression = `at(${new Date(at).toISOString().slice(0, 19)})`
        const wrong = armed.find((schedule) => !schedule.enabled || schedule.expression !== expression)
        if (wrong) return failed(`armed, ${wrong.name} is ${wrong.enabled ? wrong.expression : 'still disarmed'}`)
        const left = disarmed.find(({ enabled }) => enabled)
        if (left) return failed(`disarmed, ${left.name} is still armed`)
        return passed(`${description.deadMan.schedules.length} armed for ${expression.slice(3, -1)}, and disarmed`)
      },
    },
    ...(strike ? [deadManStrikes] : []),
  ]
}

const deadManStrikes: Item = {
  name: 'dead-man: strikes',
  disturbs: true,
  pass: 'armed, and left alone, it sets the functions to none',
  advice: "look at the schedule's target and role in the AWS console (EventBridge, Scheduler), and deploy again",
  needs: ['dead-man: schedules', 'functions: stop and start'],
  async look(context) {
    const { deadMan, concurrency, description } = context.stage
    const { clock, limits } = context
    await concurrency.set(description.concurrency)
    const at = clock.now() + limits.deadManAhead
    await deadMan.arm(at)
    try {
      const struckAt = await within(limits.deadManAhead + limits.deadManStrikes, context, async () =>
        (await concurrency.get()) === 0 ? clock.now() : undefined,
      )
      if (struckAt === undefined) return failed('nothing had happened minutes after its time')
      return passed(`functions at none ${Math.max(0, Math.round((struckAt - at) / 1000))} s after its time`)
    } finally {
      await deadMan.disarm()
      await concurrency.set(description.concurrency)
    }
  },
}

/** How long it took until calls were throttled, or were not; ms. What is called is no lease, and costs nothing worth counting. */
async function until(context: DoctorContext, throttled: boolean): Promise<number | undefined> {
  const { clock, limits, stage } = context
  const startedAt = clock.monotonic()
  const look = async (): Promise<number | undefined> => {
    const is = await context.invoke(stage.description.rolloutFunction, {}).then(
      () => false,
      (error: unknown) => {
        if (isMillraceError(error) && error.where['status'] === 429) return true
        if (isMillraceError(error, 'E_INVOKE')) return false // it ran, and said that this is no lease
        throw error
      },
    )
    return is === throttled ? clock.monotonic() - startedAt : undefined
  }
  return await within(limits.functions, context, look)
}

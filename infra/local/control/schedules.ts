import { z } from 'zod'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import { after } from '../timer.ts'
import { arn } from './wire.ts'

const ONE_TIME = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/

/** A schedule as it is created and updated: an update replaces all of it. */
export const Definition = z.strictObject({
  Name: z.string().regex(/^[\w.-]{1,64}$/),
  GroupName: z.string().default('default'),
  ScheduleExpression: z.string().refine((text) => ONE_TIME.test(text) && !Number.isNaN(momentOf(text)), {
    error: 'the emulated Scheduler knows one-time schedules only: at(yyyy-mm-ddThh:mm:ss)',
  }),
  ScheduleExpressionTimezone: z.literal('UTC').default('UTC'),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  ActionAfterCompletion: z.enum(['NONE', 'DELETE']).default('NONE'),
  FlexibleTimeWindow: z.strictObject({ Mode: z.literal('OFF') }),
  Target: z.looseObject({
    Arn: z.string().startsWith('arn:aws:scheduler:::aws-sdk:'),
    RoleArn: z.string().startsWith('arn:aws:iam::'),
    Input: z.string().refine((text) => isJson(text), { error: 'not JSON' }),
  }),
  Description: z.string().max(512).optional(),
  ClientToken: z.string().optional(),
})
export type Definition = z.output<typeof Definition>

export interface Schedule {
  readonly definition: Omit<Definition, 'ClientToken'>
  readonly createdMs: number
  readonly modifiedMs: number
}

/** One strike of a schedule: what became of its target. */
export interface Strike {
  readonly group: string
  readonly name: string
  readonly at: number
  /** Why the target refused. */
  readonly error?: string
}

/** Calls `service:operation` with a request in the universal targets' spelling, every name with a capital. */
export type Target = (call: string, input: Readonly<Record<string, unknown>>) => void | Promise<void>

const KEPT_STRIKES = 100

/** One-time schedules of EventBridge that really strike, at their time on the clock (AWS takes up to a minute more). */
export class Schedules {
  /** The newest, oldest first. */
  readonly strikes: Strike[] = []
  readonly #clock: Clock
  readonly #target: Target
  readonly #groups = new Set(['default'])
  readonly #schedules = new Map<string, Schedule & { cancel: () => void }>()

  constructor(clock: Clock, target: Target) {
    this.#clock = clock
    this.#target = target
  }

  createGroup(name: string): void {
    this.#groups.add(name)
  }

  /** @throws AwsError ResourceNotFoundException */
  get(group: string, name: string): Schedule {
    this.#needGroup(group)
    const found = this.#schedules.get(`${group}/${name}`)
    if (found === undefined) throw notFound(`Schedule ${name} does not exist.`)
    return found
  }

  /** @throws AwsError ConflictException, ResourceNotFoundException when the group does not exist */
  create(definition: Definition): string {
    const { GroupName, Name } = definition
    this.#needGroup(GroupName)
    if (this.#schedules.has(`${GroupName}/${Name}`))
      throw new AwsError(409, 'ConflictException', `Schedule ${Name} already exists.`)
    return this.#keep(definition, this.#clock.now())
  }

  /** @throws AwsError ResourceNotFoundException */
  update(definition: Definition): string {
    return this.#keep(definition, this.get(definition.GroupName, definition.Name).createdMs)
  }

  /** @throws AwsError ResourceNotFoundException */
  delete(group: string, name: string): void {
    this.get(group, name)
    this.#schedules.get(`${group}/${name}`)?.cancel()
    this.#schedules.delete(`${group}/${name}`)
  }

  close(): void {
    for (const { cancel } of this.#schedules.values()) cancel()
  }

  #keep(given: Definition, createdMs: number): string {
    const definition = { ...given }
    delete definition.ClientToken // of the request, and no part of the schedule
    const key = `${definition.GroupName}/${definition.Name}`
    this.#schedules.get(key)?.cancel()
    const now = this.#clock.now()
    const schedule = { definition, createdMs, modifiedMs: now, cancel: () => {} }
    this.#schedules.set(key, schedule)
    const waitMs = momentOf(definition.ScheduleExpression) - now
    if (definition.State === 'ENABLED' && waitMs > 0)
      schedule.cancel = this.#at(waitMs, () => void this.#strike(schedule))
    return scheduleArn(definition.GroupName, definition.Name)
  }

  /** A timer of the machine holds 24 days at most. */
  #at(waitMs: number, action: () => void): () => void {
    let cancel = () => {}
    const most = 20 * 86_400_000
    const wait = (left: number) => {
      cancel = after(this.#clock, Math.min(left, most), () => (left > most ? wait(left - most) : action()))
    }
    wait(waitMs)
    return () => cancel()
  }

  async #strike(schedule: Schedule): Promise<void> {
    const { GroupName: group, Name: name, Target, ActionAfterCompletion } = schedule.definition
    let error: string | undefined
    try {
      await this.#target(Target.Arn.slice('arn:aws:scheduler:::aws-sdk:'.length), JSON.parse(Target.Input))
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause)
    }
    this.strikes.push({ group, name, at: this.#clock.now(), ...(error !== undefined && { error }) })
    if (this.strikes.length > KEPT_STRIKES) this.strikes.shift()
    const current = this.#schedules.get(`${group}/${name}`)
    if (ActionAfterCompletion === 'DELETE' && current === schedule) this.#schedules.delete(`${group}/${name}`)
  }

  #needGroup(name: string): void {
    if (!this.#groups.has(name)) throw notFound(`Schedule group ${name} does not exist.`)
  }
}

export const scheduleArn = (group: string, name: string): string => arn('scheduler', `schedule/${group}/${name}`)

const notFound = (message: string) => new AwsError(404, 'ResourceNotFoundException', message)

const momentOf = (expression: string): number => Date.parse(`${ONE_TIME.exec(expression)?.[1]}Z`)

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}

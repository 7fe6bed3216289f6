import {
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
  type ScheduleState,
} from '@aws-sdk/client-scheduler'
import type { AwsOptions } from '../endpoints.ts'
import { systemClock } from '../clock.ts'
import type { DeadMan } from '../ports.ts'
import { controlConfig } from './config.ts'
import { asking } from './problem.ts'

const YEAR_MS = 365 * 86_400_000

export interface DeadManSchedules {
  readonly group: string
  readonly schedules: readonly string[]
}

/** A DeadMan on one-time schedules of EventBridge. They strike within the minute after their time. */
export function schedulesAsDeadMan({ group, schedules }: DeadManSchedules, options: AwsOptions = {}): DeadMan {
  const client = new SchedulerClient(controlConfig('SCHEDULER', options))
  const change = async (Name: string, State: ScheduleState, at: number) => {
    const doing = `cannot set the schedule ${Name}`
    const found = await asking(doing, client.send(new GetScheduleCommand({ GroupName: group, Name })))
    const { Target, FlexibleTimeWindow } = found
    const time = { ScheduleExpression: atExpression(at), ScheduleExpressionTimezone: 'UTC' }
    // An update replaces the whole definition: what is left out would be lost.
    const input = { ...found, Name, GroupName: group, Target, FlexibleTimeWindow, ...time, State }
    await asking(doing, client.send(new UpdateScheduleCommand(input)))
  }
  return {
    async arm(at) {
      await Promise.all(schedules.map((name) => change(name, 'ENABLED', at)))
    },
    async disarm() {
      // Its last time may have passed by now, and AWS need not take a time of the past.
      await Promise.all(schedules.map((name) => change(name, 'DISABLED', systemClock.now() + YEAR_MS)))
    },
  }
}

/** A moment (ms since the epoch) as EventBridge writes it, in UTC and rounded up to a second: `at(2026-11-21T09:00:00)`. */
const atExpression = (at: number): string => `at(${new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(0, 19)})`

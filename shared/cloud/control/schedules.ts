import {
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
  type ScheduleState,
} from '@aws-sdk/client-scheduler'
import type { AwsOptions } from '../awsConfig.ts'
import type { DeadMan } from '../ports.ts'
import { controlConfig } from './config.ts'
import { asking } from './problem.ts'

export interface DeadManSchedules {
  readonly group: string
  readonly schedules: readonly string[]
}

/** A DeadMan on one-time schedules of EventBridge. They strike within the minute after their time. */
export function schedulesAsDeadMan({ group, schedules }: DeadManSchedules, options: AwsOptions = {}): DeadMan {
  const client = new SchedulerClient(controlConfig('SCHEDULER', options))
  const change = async (Name: string, changes: { State: ScheduleState; ScheduleExpression?: string }) => {
    const doing = `cannot set the schedule ${Name}`
    const found = await asking(doing, client.send(new GetScheduleCommand({ GroupName: group, Name })))
    // An update replaces the whole definition: what is left out would be lost.
    const { $metadata, Arn, CreationDate, LastModificationDate, ...whole } = found
    const { ScheduleExpression, Target, FlexibleTimeWindow } = whole
    const input = {
      ...whole,
      Name,
      GroupName: group,
      ScheduleExpression,
      ScheduleExpressionTimezone: 'UTC',
      Target,
      FlexibleTimeWindow,
      ...changes,
    }
    await asking(doing, client.send(new UpdateScheduleCommand(input)))
  }
  return {
    async arm(at) {
      const expression = atExpression(at)
      await Promise.all(schedules.map((name) => change(name, { State: 'ENABLED', ScheduleExpression: expression })))
    },
    async disarm() {
      await Promise.all(schedules.map((name) => change(name, { State: 'DISABLED' })))
    },
  }
}

/** A moment (ms since the epoch) as EventBridge writes it, in UTC and rounded up to a second: `at(2026-11-21T09:00:00)`. */
const atExpression = (at: number): string => `at(${new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(0, 19)})`

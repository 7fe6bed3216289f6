import type { StageArns } from '../aws/arns.ts'
import { NEVER, deadManStrikes } from '../aws/deadMan.ts'
import { schedulerPermissions, schedulerTrust } from '../aws/permissions/index.ts'
import type { LearnerHost, StageDescription } from '../../shared/protocol/stage.ts'
import { stageRole } from './roles.ts'
import type { Stage } from './stage.ts'

/** Tried for so long and not, as is the default, for a day: by then it would end somebody's next run. */
const RETRY = { maximumRetryAttempts: 5, maximumEventAgeInSeconds: 300 }

/**
 * One-time schedules that set functions and learner to none. They are made switched off; a run's learner switches them on and pushes
 * them ahead of itself, and when nobody does any more they strike, with nobody alive.
 */
export function deadManSchedules(
  stage: Stage,
  host: LearnerHost,
  arns: $util.Output<StageArns>,
): StageDescription['deadMan'] {
  const { name, names, settings, parent } = stage
  const group = new aws.scheduler.ScheduleGroup(`${name}DeadMan`, { name: names.scheduleGroup }, { parent })
  const role = stageRole(stage, 'Scheduler', {
    name: names.roles.scheduler,
    service: 'scheduler.amazonaws.com',
    trust: arns.apply(schedulerTrust),
    permissions: arns.apply((arns) => schedulerPermissions(arns, host.kind)),
  })
  const strikes = deadManStrikes(names, host)
  for (const { ends, name: scheduleName, call, input } of strikes) {
    new aws.scheduler.Schedule(
      `${name}${ends === 'functions' ? 'FunctionsOff' : 'LearnerOff'}`,
      {
        name: scheduleName,
        groupName: group.name,
        description: 'Strikes when the learner of a run gave no sign of life',
        scheduleExpression: NEVER,
        scheduleExpressionTimezone: 'UTC',
        state: 'DISABLED',
        actionAfterCompletion: 'NONE',
        flexibleTimeWindow: { mode: 'OFF' },
        target: {
          arn: arns.apply(({ partition }) => `arn:${partition}:scheduler:::aws-sdk:${call}`),
          roleArn: role.arn,
          input: JSON.stringify(input),
          retryPolicy: RETRY,
        },
      },
      // Learners push them on; a deployment in the middle of a run must not switch them off.
      { parent, ignoreChanges: ['scheduleExpression', 'state'] },
    )
  }
  return {
    group: names.scheduleGroup,
    schedules: strikes.map(({ name }) => name),
    afterSeconds: settings.deadManMinutes * 60,
  }
}

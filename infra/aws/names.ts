import { createHash } from 'node:crypto'
import { MillraceError } from '../../shared/errors.ts'
import { stageParameter } from '../../shared/protocol/stage.ts'
import { STAGE_LETTERS, isStageName } from '../../shared/protocol/stageName.ts'

/** A stage's place in the world. */
export interface StageId {
  readonly app: string
  readonly stage: string
  readonly region: string
}

/**
 * What everything in a stage is called. App and stage are in every name, so that two stages of one app never meet; roles and
 * budgets live in no region, so theirs carry a mark of it. Only the bucket has a name of its own making: those are one space for the whole world.
 *
 * @throws MillraceError E_SETTINGS for the name of a stage that does not fit into them
 */
export function stageNames({ app, stage, region }: StageId) {
  if (!isStageName(stage)) {
    const sentence = `the stage '${stage}' needs 1 to ${STAGE_LETTERS} small letters, digits and hyphens, a hyphen between two others`
    throw new MillraceError('E_SETTINGS', sentence, { stage })
  }
  const prefix = `${app}-${stage}`
  const mark = createHash('sha256').update(region).digest('hex').slice(0, 4)
  const role = (of: 'learner' | 'execution' | 'scheduler' | 'fallback' | 'events') => `${prefix}-${of}-${mark}`
  return {
    prefix,
    rolloutFunction: `${prefix}-rollout`,
    evaluateFunction: `${prefix}-evaluate`,
    queue: `${prefix}-batches`,
    deadLetterQueue: `${prefix}-dead-letters`,
    /** The auto-scaling group, or the service on Fargate. */
    learner: `${prefix}-learner`,
    /** EC2 refuses a name that begins with `sg-`, as an app's may. */
    securityGroup: `learner-${prefix}`,
    /** The cluster of that service. */
    cluster: prefix,
    /** Sets the group to buy on demand, and back. */
    fallback: `${prefix}-on-demand`,
    /** Tells the address of the budget of an alarm. */
    topic: `${prefix}-alarms`,
    budget: `${prefix}-month-${mark}`,
    scheduleGroup: prefix,
    schedules: { functions: `${prefix}-functions-off`, learner: `${prefix}-learner-off` },
    parameter: stageParameter(app, stage),
    logGroups: {
      rollout: `/aws/lambda/${prefix}-rollout`,
      evaluate: `/aws/lambda/${prefix}-evaluate`,
      learner: `/millrace/${app}/${stage}/learner`,
    },
    roles: {
      learner: role('learner'),
      execution: role('execution'),
      scheduler: role('scheduler'),
      fallback: role('fallback'),
      events: role('events'),
    },
  } as const
}
export type StageNames = ReturnType<typeof stageNames>

import type { StageArns } from '../aws/arns.ts'
import type { LearnerHost } from '../../shared/protocol/stage.ts'
import { fargateLearner } from './fargate.ts'
import { gpuLearner } from './gpu.ts'
import type { Stage } from './stage.ts'

export interface LearnerParts {
  readonly arns: $util.Output<StageArns>
}

export interface Learner {
  readonly host: LearnerHost
  /** Where there is one. */
  readonly group?: aws.autoscaling.Group
}

/** What a stage's learner runs on; nothing is made where that is a machine of the user's own. */
export function stageLearner(stage: Stage, parts: LearnerParts): Learner {
  const { learner } = stage.settings
  const { names } = stage
  if (learner.kind === 'anywhere') return { host: { kind: 'anywhere' } }
  const logs = new aws.cloudwatch.LogGroup(
    `${stage.name}LearnerLogGroup`,
    { name: names.logGroups.learner, retentionInDays: stage.settings.functions.logRetentionDays },
    { parent: stage.parent },
  )
  if (learner.kind === 'fargate') {
    fargateLearner(stage, { ...parts, learner, logs })
    return { host: { kind: 'fargate', cluster: names.cluster, service: names.learner } }
  }
  const group = gpuLearner(stage, { ...parts, learner, logs })
  return { host: { kind: 'gpu', autoScalingGroup: names.learner, instanceTypes: [...learner.instanceTypes] }, group }
}

import type { Millrace as Declared } from '../aws/component.ts'
import { type StageSettingsInput, settings } from '../aws/settings.ts'
import { stageAlarms } from './alarms.ts'
import { stageBucket } from './bucket.ts'
import { monthlyBudget } from './budget.ts'
import { deadManSchedules } from './deadMan.ts'
import { describeStage } from './description.ts'
import { evaluateFunction, rolloutFunction } from './functions.ts'
import { stageLearner } from './learner.ts'
import { stageQueues } from './queues.ts'
import { arnsOf, stageOf } from './stage.ts'

/**
 * A stage of Millrace on AWS: a bucket, queues, two functions, what the learner runs on, and what ends all of them.
 *
 * @throws MillraceError E_SETTINGS when a setting is wrong, they are of another app than SST's, or the stage's name does not fit
 */
export class Millrace extends $util.ComponentResource implements Declared {
  readonly outputs: Declared['outputs']

  constructor(name: string, input: StageSettingsInput) {
    super('millrace:aws:Millrace', name)
    const stage = stageOf(name, settings(input), this)
    const bucket = stageBucket(stage)
    const { queue, deadLetterQueue } = stageQueues(stage)
    const arns = arnsOf(stage, bucket.name)
    const rollout = rolloutFunction(stage, { arns, failures: queue.arn })
    const evaluate = evaluateFunction(stage, { arns })
    const learner = stageLearner(stage, { arns })
    const deadMan = deadManSchedules(stage, learner.host, arns)
    stageAlarms(stage, learner, arns)
    monthlyBudget(stage)
    const made = { bucket: bucket.name, queueUrl: queue.url, deadLetterQueueUrl: deadLetterQueue.url }
    const parameter = describeStage(stage, { ...made, learner: learner.host, deadMan })
    this.outputs = {
      parameter: parameter.name,
      bucket: bucket.name,
      queue: queue.url,
      rolloutFunction: rollout.name,
      evaluateFunction: evaluate.name,
      learner: learner.host.kind === 'anywhere' ? 'a machine of your own' : stage.names.learner,
    }
    this.registerOutputs(this.outputs)
  }
}

import type { StageSettings } from '../aws/settings.ts'
import { stageBucket } from './bucket.ts'
import { evaluateFunction, rolloutFunction } from './functions.ts'
import { stageQueues } from './queues.ts'
import { arnsOf, stageOf } from './stage.ts'

export class Millrace extends $util.ComponentResource {
  readonly outputs: Record<string, unknown>

  constructor(name: string, settings: StageSettings) {
    super('millrace:aws:Millrace', name)
    const stage = stageOf(name, settings, this)
    const bucket = stageBucket(stage)
    const { queue } = stageQueues(stage)
    const arns = arnsOf(stage, bucket.name)
    const rollout = rolloutFunction(stage, { arns, failures: queue.arn })
    const evaluate = evaluateFunction(stage, { arns })
    this.outputs = { bucket: bucket.name, queue: queue.url, rollout: rollout.name, evaluate: evaluate.name }
    this.registerOutputs(this.outputs)
  }
}

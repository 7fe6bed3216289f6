import type { StageDescription } from '../../shared/protocol/stage.ts'
import { US_EAST_1, functionGbSecondUsd } from '../../shared/cost/priceBook.ts'
import { learnerHourUsd } from '../aws/learnerHour.ts'
import { packageFolder, packageVersion } from './packages.ts'
import type { Stage } from './stage.ts'

export interface Described {
  readonly bucket: $util.Output<string>
  readonly queueUrl: $util.Output<string>
  readonly deadLetterQueueUrl: $util.Output<string>
  readonly learner: StageDescription['learner']
  readonly deadMan: StageDescription['deadMan']
}

/** Writes the stage's description where every machine with credentials finds it. */
export function describeStage({ name, names, settings, parent }: Stage, made: Described): aws.ssm.Parameter {
  const { bucket, queueUrl, deadLetterQueueUrl } = made
  const description = $resolve([bucket, queueUrl, deadLetterQueueUrl]).apply(
    ([bucket, queueUrl, deadLetterQueueUrl]): StageDescription => ({
      format: 1,
      app: settings.app,
      stage: $app.stage,
      region: settings.region,
      millrace: packageVersion(packageFolder('millrace', $cli.paths.root)),
      bucket,
      queueUrl,
      deadLetterQueueUrl,
      rolloutFunction: names.rolloutFunction,
      evaluateFunction: names.evaluateFunction,
      concurrency: settings.functions.concurrency,
      memoryMb: settings.functions.memoryMb,
      functionGbSecondUsd: functionGbSecondUsd(US_EAST_1, settings.functions.architecture),
      timeoutSeconds: settings.functions.timeoutSeconds,
      heartbeatSeconds: settings.heartbeatSeconds,
      learner: made.learner,
      learnerHourUsd: learnerHourUsd(settings.learner),
      checkpointSeconds: settings.checkpointSeconds,
      idleMinutes: settings.learner.idleMinutes,
      maxHours: settings.learner.maxHours,
      deadMan: made.deadMan,
      logGroups: {
        rollout: names.logGroups.rollout,
        evaluate: names.logGroups.evaluate,
        ...(made.learner.kind === 'anywhere' ? {} : { learner: names.logGroups.learner }),
      },
    }),
  )
  return new aws.ssm.Parameter(
    `${name}Description`,
    {
      name: names.parameter,
      type: 'String',
      description: 'A stage of Millrace, as its command line and its learner find it',
      value: description.apply((description) => JSON.stringify(description)),
    },
    { parent },
  )
}

import { StageDescription } from '../../shared/protocol/stage.ts'

/** A stage as a description tells of it, with a GPU machine for a learner. */
export const stageOf = (changes: Partial<StageDescription> = {}): StageDescription =>
  StageDescription.parse({
    format: 1,
    app: 'millrace',
    stage: 'demo',
    region: 'eu-west-1',
    millrace: '0.1.0',
    bucket: 'bucket',
    queueUrl: 'https://queue',
    deadLetterQueueUrl: 'https://dead',
    rolloutFunction: 'rollout',
    evaluateFunction: 'evaluate',
    concurrency: 10,
    memoryMb: 1769,
    timeoutSeconds: 180,
    heartbeatSeconds: 15,
    learner: { kind: 'gpu', autoScalingGroup: 'group', instanceTypes: ['g6.xlarge'] },
    learnerHourUsd: 1,
    functionGbSecondUsd: 0.0000133334,
    checkpointSeconds: 30,
    idleMinutes: 10,
    maxHours: 24,
    deadMan: { group: 'millrace-demo', schedules: ['functions', 'learner'], afterSeconds: 900 },
    logGroups: { rollout: '/rollout', evaluate: '/evaluate', learner: '/learner' },
    ...changes,
  })

import type { Stage } from './stage.ts'

/** One rule a prefix: a key and its life. `keys` in shared/protocol says what lies where. */
export function lifecycle({ settings }: Stage) {
  const { checkpoints, results } = settings.keepDays
  const learnerDays = Math.ceil(settings.learner.maxHours / 24)
  return [
    // What only a run that is on needs; its learner deletes old ones itself, unless it is lost.
    { prefix: 'policies/', days: 1 },
    { prefix: 'batches/', days: 1 },
    { prefix: 'states/', days: 1 },
    // Written once, when a run is asked for, and read for as long as it may still be begun, be on, or go on from its last checkpoint.
    { prefix: 'code/', days: Math.max(results, checkpoints, learnerDays + checkpoints) },
    { prefix: 'graphs/', days: Math.max(1, learnerDays) },
    { prefix: 'checkpoints/', days: checkpoints },
    { prefix: 'runs/', days: results },
    { prefix: 'stage/runs/', days: results },
  ]
}

/** The bucket: no public access, TLS only, and it empties itself. */
export function stageBucket(stage: Stage): sst.aws.Bucket {
  const rules = lifecycle(stage).map(({ prefix, days }) => ({
    id: prefix.replaceAll('/', '-').slice(0, -1),
    status: 'Enabled',
    filter: { prefix },
    expiration: { days },
  }))
  const unfinished = {
    id: 'unfinished-uploads',
    status: 'Enabled',
    filter: { prefix: '' },
    abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
  }
  return new sst.aws.Bucket(
    `${stage.name}Bucket`,
    {
      cors: false,
      lifecycle: rules.map(({ id, filter, expiration }) => ({ id, ...filter, expiresIn: `${expiration.days} days` })),
      transform: {
        bucket: { forceDestroy: true },
        lifecycle: (args) => {
          args.rules = [...rules, unfinished]
          return undefined
        },
      },
    },
    { parent: stage.parent },
  )
}

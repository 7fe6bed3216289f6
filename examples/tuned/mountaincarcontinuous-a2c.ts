import { a2c, experiment } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/a2c.yml, MountainCarContinuous-v0 (tuned). Published: 91 +- 0.3 after 100,000 env steps (benchmark.md, one
 * seed, greedy). Departs: rewards are not divided by a running deviation, but values are learned at size 1; theirs explores by noise that depends on the
 * state (gSDE), drawn anew every 16 steps.
 */
export default experiment({
  env: 'MountainCarContinuous-v0',
  algorithm: a2c({ normalizeObservations: true, trainBatchSteps: 400 }),
  rollouts: { shards: 1, envsPerShard: 4, fragmentLength: 100 },
  stop: { envSteps: 100_000 },
})

import { a2c, experiment } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/a2c.yml, MountainCar-v0. Published: -111 +- 24 after 1,000,000 env steps (benchmark.md, one seed, greedy).
 * Departs: rewards are not divided by a running deviation; values are learned at size 1 (`normalizeValues`) instead.
 */
export default experiment({
  env: 'MountainCar-v0',
  algorithm: a2c({ normalizeObservations: true, trainBatchSteps: 80 }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 5 },
  stop: { envSteps: 1_000_000 },
})

import { a2c, experiment } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/a2c.yml, MountainCar-v0. Published: -111 +- 24 after 1,000,000 env steps (benchmark.md, one seed, greedy).
 * Departs: theirs divides observations and returns by their running deviation.
 */
export default experiment({
  env: 'MountainCar-v0',
  algorithm: a2c({ trainBatchSteps: 80 }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 5 },
  stop: { envSteps: 1_000_000 },
})

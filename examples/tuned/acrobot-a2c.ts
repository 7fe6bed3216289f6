import { a2c, experiment } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/a2c.yml, Acrobot-v1. Published: -83 +- 17 after 500,000 env steps (benchmark.md, one seed, greedy).
 * Departs: theirs divides observations and returns by their running deviation.
 */
export default experiment({
  env: 'Acrobot-v1',
  algorithm: a2c({ trainBatchSteps: 80 }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 5 },
  stop: { envSteps: 500_000 },
})

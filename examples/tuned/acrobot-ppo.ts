import { experiment, ppo } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/ppo.yml, Acrobot-v1. Published: -74 +- 18 after 1,000,000 env steps (benchmark.md, one seed, greedy).
 * Departs: rewards are not divided by a running deviation; values are learned at size 1 (`normalizeValues`) instead.
 */
export default experiment({
  env: 'Acrobot-v1',
  algorithm: ppo({
    normalizeObservations: true,
    gamma: 0.99,
    lambda: 0.94,
    trainBatchSteps: 4096,
    minibatchSteps: 64,
    epochs: 4,
  }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 256 },
  stop: { envSteps: 1_000_000 },
})

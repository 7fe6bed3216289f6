import { experiment, ppo } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/ppo.yml, MountainCar-v0. Published: -110 +- 19 after 1,000,000 env steps (benchmark.md, one seed, greedy).
 * Departs: rewards are not divided by a running deviation; values are learned at size 1 (`normalizeValues`) instead.
 */
export default experiment({
  env: 'MountainCar-v0',
  algorithm: ppo({
    normalizeObservations: true,
    gamma: 0.99,
    lambda: 0.98,
    trainBatchSteps: 256,
    minibatchSteps: 64,
    epochs: 4,
  }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 16 },
  stop: { envSteps: 1_000_000 },
})

import { experiment, ppo } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/ppo.yml, Pendulum-v1 (tuned). Published: -172 +- 104 after 100,000 env steps (benchmark.md, one seed,
 * greedy). Departs: theirs explores by noise that depends on the state (gSDE); rewards, which go down to -16, are scaled by 0.1 here.
 */
export default experiment({
  env: 'Pendulum-v1',
  algorithm: ppo({
    gamma: 0.9,
    lambda: 0.95,
    learningRate: 1e-3,
    rewardScale: 0.1,
    trainBatchSteps: 4096,
    minibatchSteps: 64,
    epochs: 10,
  }),
  rollouts: { shards: 1, envsPerShard: 4, fragmentLength: 1024 },
  stop: { envSteps: 100_000 },
})

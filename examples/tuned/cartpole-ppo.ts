import { experiment, ppo } from 'millrace'

/**
 * Settings: rl-baselines3-zoo, hyperparams/ppo.yml, CartPole-v1 (tuned). Published: 500 +- 0 after 100,000 env steps (benchmark.md, one seed,
 * greedy). Departs: theirs lets `clip` fall to 0 as the learning rate does; here it stays at 0.2.
 */
export default experiment({
  env: 'CartPole-v1',
  algorithm: ppo({
    gamma: 0.98,
    lambda: 0.8,
    learningRate: { clock: 'envSteps', from: 1e-3, to: 0, over: 100_000 },
    trainBatchSteps: 256,
    minibatchSteps: 256,
    epochs: 20,
  }),
  rollouts: { shards: 1, envsPerShard: 8, fragmentLength: 32 },
  stop: { envSteps: 100_000 },
})

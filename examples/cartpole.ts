import { experiment, impala } from 'millrace'

export default experiment({
  env: 'CartPole-v1',
  algorithm: impala({
    learningRate: { clock: 'envSteps', from: 5e-3, to: 2.5e-4, over: 200_000 },
    entropyCoef: 0.001,
    valueCoef: 0.25,
    maxGradNorm: 0.5,
    rewardScale: 0.1,
    sharedTrunk: true,
    normalizeValues: false,
    trainBatchSteps: 640,
    deterministic: true,
  }),
  rollouts: { shards: 2, envsPerShard: 16, fragmentLength: 20 },
  stop: { meanReturn: 475, envSteps: 2_000_000 },
  budget: { usd: 1 },
})

import { experiment, impala } from 'millrace'

/** CartPole at full speed: the setting whose throughput the README quotes. It learns, too. */
export default experiment({
  env: 'CartPole-v1',
  algorithm: impala({
    learningRate: { clock: 'envSteps', from: 5e-3, to: 2.5e-4, over: 1_000_000 },
    entropyCoef: 0.001,
    valueCoef: 0.25,
    maxGradNorm: 0.5,
    rewardScale: 0.1,
    sharedTrunk: true,
    normalizeValues: false,
    trainBatchSteps: 6_144,
  }),
  rollouts: { shards: 1, envsPerShard: 128, fragmentLength: 48 },
  stop: { meanReturn: 475, envSteps: 1_000_000 },
})

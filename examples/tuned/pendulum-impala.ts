import { experiment, impala } from 'millrace'

/**
 * Settings: RLlib, tuned_examples/impala/pendulum_impala.py. Published: a mean return of -200 within 5,000,000 env steps is what its test asks for.
 * Departs: rewards, which go down to -16, are scaled by 0.1 here.
 */
export default experiment({
  env: 'Pendulum-v1',
  algorithm: impala({
    learningRate: 3e-4,
    entropyCoef: { clock: 'envSteps', from: 0.1, to: 0, over: 2_000_000 },
    valueCoef: 0.05,
    maxGradNorm: 40,
    rewardScale: 0.1,
    hidden: [512, 512],
    sharedTrunk: true,
    trainBatchSteps: 256,
  }),
  rollouts: { shards: 2, envsPerShard: 5, fragmentLength: 50 },
  stop: { envSteps: 5_000_000 },
})

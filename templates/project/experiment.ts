import { experiment, impala } from 'millrace'
import { Dock } from './envs/dock.ts'

export default experiment({
  env: Dock,
  algorithm: impala({
    learningRate: 3e-3,
    entropyCoef: 0.01,
    valueCoef: 0.25,
    maxGradNorm: 0.5,
    rewardScale: 0.1,
    sharedTrunk: true,
    normalizeValues: false,
    trainBatchSteps: 640,
    deterministic: true,
  }),
  rollouts: { shards: 2, envsPerShard: 16, fragmentLength: 20 },
  stop: { meanReturn: 8.5, envSteps: 1_000_000 },
  budget: { usd: 1 },
})

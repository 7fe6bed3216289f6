import { impala } from '../learner/algorithms/impala.ts'
import type { TrainSetting } from '../learner/training/trainCore.ts'
import { makeVectorEnv } from '../shared/env/index.ts'
import { policySpecFor } from '../shared/policy/index.ts'

const { observationSpace, actionSpace } = makeVectorEnv('CartPole-v1', { numEnvs: 1 })

export const policy = policySpecFor(observationSpace, actionSpace)

/** The train step of examples/cartpole.ts, at a given size. */
export function trainSetting(T: number, B: number): TrainSetting {
  const spec = impala({ entropyCoef: 0.001, valueCoef: 0.25, maxGradNorm: 0.5, rewardScale: 0.1 }).learner()
  return { spec, policy, T, B, seed: 1 }
}

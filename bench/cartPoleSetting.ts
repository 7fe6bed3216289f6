import { impala } from '../learner/algorithms/impala.ts'
import { ProgramRunner, compile } from '../learner/program/index.ts'
import { onnxRuntimeEngine, seededUniform } from '../learner/tensor/index.ts'
import { makeVectorEnv } from '../shared/env/index.ts'
import { policySpecFor } from '../shared/policy/index.ts'

const { observationSpace, actionSpace } = makeVectorEnv('CartPole-v1', { numEnvs: 1 })

export const policy = policySpecFor(observationSpace, actionSpace)

/** What examples/cartpole.ts learns by, for batches of [T, B]. */
export function cartPoleRunner(T: number, B: number): ProgramRunner {
  const algorithm = impala({
    entropyCoef: 0.001,
    valueCoef: 0.25,
    maxGradNorm: 0.5,
    rewardScale: 0.1,
    sharedTrunk: true,
    normalizeValues: false,
  })
  const program = compile(algorithm.program({ policy, T, B }), {
    name: algorithm.name,
    uniform: seededUniform(1),
    seed: 1,
  })
  return new ProgramRunner(onnxRuntimeEngine({ threads: 1 }), program)
}

export {
  actorCriticLoss,
  type ActorCriticInputs,
  type ActorCriticLoss,
  type ActorCriticOptions,
} from './actorCritic.ts'
export { categorical, type Categorical } from './categorical.ts'
export { gae, type GaeInputs } from './gae.ts'
export { clippedSurrogate } from './clippedSurrogate.ts'
export { explainedVariance } from './explainedVariance.ts'
export { reverseLinearScan } from './linearScan.ts'
export { policyValueNetwork, type NetworkOptions, type PolicyValue, type PolicyValueNetwork } from './network.ts'
export { vtrace, type Vtrace, type VtraceInputs, type VtraceOptions } from './vtrace.ts'

export {
  actorCriticLoss,
  type ActorCriticInputs,
  type ActorCriticLoss,
  type ActorCriticOptions,
} from './actorCritic.ts'
export { gae, type GaeInputs } from './gae.ts'
export { explainedVariance } from './explainedVariance.ts'
export { reverseLinearScan } from './linearScan.ts'
export { vtrace, type Vtrace, type VtraceInputs, type VtraceOptions } from './vtrace.ts'
export { a2cLoss, type A2cInputs } from './a2c.ts'
export { appoLoss, type AppoInputs, type AppoLoss, type AppoOptions } from './appo.ts'
export { atomsOf, byAction, c51Loss, expectedReturns, projectedTargets, type Support } from './c51.ts'
export { dqnLoss, duelingQ, qTargets, type DqnInputs, type QTargetInputs, type RowLoss } from './dqn.ts'
export { huber } from './huber.ts'
export { cloningLoss, marwilLoss, type MarwilInputs, type MarwilLoss } from './imitation.ts'
export { klEstimate, ppoLoss, standardized, type PpoInputs, type PpoLoss, type PpoOptions } from './ppo.ts'
export { qrDqnLoss, type QrDqnInputs } from './qrDqn.ts'
export { criticLoss, softActorLoss, softTargets, temperatureLoss, type SoftTargetInputs } from './sac.ts'
export { criticTargets, deterministicActorLoss, smoothedAction } from './td3.ts'

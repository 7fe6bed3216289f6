export { maskActions } from './actionMask.ts'
export { type ActionRandom, type ActionSampler } from './actionSampler.ts'
export { type Actor, makeActor } from './actor.ts'
export { BoxActions, type BoxRule } from './boxActions.ts'
export { CategoricalSampler } from './categorical.ts'
export { HEAD_KINDS, type HeadKind } from './headKind.ts'
export { makeSampler, type SamplerSizes } from './makeSampler.ts'
export { type Observations, PolicySession } from './session.ts'
export {
  MODEL_INPUT,
  MODEL_OUTPUTS,
  PolicySpec,
  maskSizeOf,
  observationArray,
  outputsOf,
  policySpecFor,
} from './spec.ts'

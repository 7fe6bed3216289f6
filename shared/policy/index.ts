export { CategoricalSampler } from './categorical.ts'
export { PolicySession } from './session.ts'
export { MODEL_INPUT, MODEL_OUTPUTS, PolicySpec, policySpecFor } from './spec.ts'

export { gaeInto, type GaeRates, type GaeSteps } from './gae.ts'
export { nStepInto, type NStepSteps, type NSteps } from './nStep.ts'
export { type StepSizes } from './steps.ts'

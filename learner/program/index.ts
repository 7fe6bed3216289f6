export { compile, type CompileOptions } from './compile.ts'
export {
  type CopiedSet,
  type GraphDescription,
  type Minimisation,
  type PolicyDescription,
  type ProgramDescription,
  parametersOf,
  slotsOf,
} from './describe.ts'
export { givenGradient, type GivenGradient } from './givenGradient.ts'
export { type GraphAtSource, graphAtSource } from './sourceGraph.ts'
export { column, noise, rate, scalarState } from './names.ts'
export { DEFAULT_POLICY, type Program } from './program.ts'
export { type RolloutColumns, type StepColumns, rolloutColumns, stepColumns } from './rolloutColumns.ts'
export { type Rule } from './rules.ts'
export { type CallInputs, type CallResult, ProgramRunner } from './runner.ts'
export { type ProgramState, type SetState } from './state.ts'

/** Millrace as a library: what an experiment file imports. The inner layers have entry points of their own (`millrace/flow`, …). */
export { experiment } from './learner/experiment.ts'
export type { Experiment, ExperimentInput } from './learner/experiment.ts'
export type { Algorithm } from './learner/algorithm.ts'
export { a2c } from './learner/algorithms/a2c.ts'
export { a3c } from './learner/algorithms/a3c.ts'
export { appo } from './learner/algorithms/appo.ts'
export { ddppo } from './learner/algorithms/ddppo.ts'
export { impala } from './learner/algorithms/impala.ts'
export { ppo } from './learner/algorithms/ppo.ts'
export type { RunCloud } from './learner/run/cloud.ts'
export type {
  Dropped,
  Progress,
  RunInfo,
  RunObserver,
  RunSummary,
  StopReason,
  UpdateLine,
} from './learner/run/observer.ts'
export { emulatedCloud } from './library/emulatedCloud.ts'
export type { EmulatedCloud, EmulatedCloudOptions } from './library/emulatedCloud.ts'
export { train } from './library/train.ts'
export type { TrainOptions, TrainResult } from './library/train.ts'
export { ERROR_CODES, MillraceError, isMillraceError } from './shared/errors.ts'
export type { ErrorCode } from './shared/errors.ts'
export type { Env, EnvClass, EnvDefinition, EnvSource, PlainData, Space, StepOutcome } from './shared/env/index.ts'
export { Random, registerEnv } from './shared/env/index.ts'
export type { PolicySpec } from './shared/policy/spec.ts'
export { loadPolicy } from './library/policy.ts'
export type { ActOptions, Policy } from './library/policy.ts'
export type { Observation } from './library/observation.ts'
export type { PolicySource } from './library/policySource.ts'
export { evaluate } from './library/evaluate.ts'
export type { EvaluateOptions, Evaluation } from './library/evaluate.ts'

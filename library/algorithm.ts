/**
 * `millrace/algorithm`: everything that an algorithm's file uses, so that a user's own stands beside the built-in ones. What its loss is
 * written with comes from `millrace/tensor`. docs/algorithms/write-your-own.md builds one.
 */

// What an algorithm is.
export {
  type AboutAlgorithm,
  type ActionKind,
  type Algorithm,
  type AlgorithmDefinition,
  type PlanSetting,
  type ProgramSizes,
  type RolloutDefaults,
  algorithm,
} from '../learner/algorithm.ts'

// Its settings. `z` is the zod that they are checked with.
export { z } from 'zod'
export { count as countSetting, rate as rateSetting } from '../learner/settings.ts'
export { A2C_SETTINGS } from '../learner/algorithms/a2c.ts'
export { SURROGATE_SETTINGS } from '../learner/algorithms/ppo.ts'
export { LOSS_SETTINGS, ratesOf } from '../learner/algorithms/actorCritic.ts'
export { NETWORK_SETTINGS, type NetworkSettings, headOf, policyOf } from '../learner/algorithms/networkSettings.ts'
export { NORMALIZATION_SETTINGS, type Normalization } from '../learner/algorithms/normalization.ts'
export { ENGINE_SETTINGS, type EngineSetting } from '../learner/training/engine.ts'

// Its plan: sources, operators, and what operators may use.
export * from '../learner/operators/index.ts'
export { type Flow, type ParallelFlow, type Plan, operator, resource } from '../learner/flow/index.ts'
export type { Context, Operator, Queue, ResourceKey, Scope, Stage } from '../learner/flow/index.ts'
export { learner, publisher, rolloutSource, runState } from '../learner/resources.ts'
export type { Column, Provenance, SampleBatch } from '../shared/batch/sampleBatch.ts'
export type { UpdateResult } from '../learner/run/updateResult.ts'

// How far its rollouts may run ahead.
export type { PacingSetting } from '../learner/rollouts/pacing.ts'
export { fragmentsOfRounds, rounds, synchronous } from '../learner/algorithms/synchronous.ts'
export {
  ASYNCHRONOUS_SETTINGS,
  type AsynchronousPlan,
  type AsynchronousSettings,
  asTheyCome,
  asynchronous,
  checkLag,
  isExact,
} from '../learner/algorithms/asynchronous.ts'
export { impalaPlan } from '../learner/algorithms/impala.ts'
export { checkMinibatches, dividing } from '../learner/algorithms/minibatches.ts'

// Its program: networks, heads, losses, and what graphs are fed.
export {
  type CopiedSet,
  type GivenGradient,
  type GraphDescription,
  type Minimisation,
  type PolicyDescription,
  type ProgramDescription,
  type RolloutColumns,
  type Rule,
  type StepColumns,
  DEFAULT_POLICY,
  column,
  givenGradient,
  noise,
  rate,
  rolloutColumns,
  scalarState,
  stepColumns,
} from '../learner/program/index.ts'
export {
  type ActorCritic,
  type Distribution,
  type Evaluated,
  actorCritic,
  discounting,
  estimated,
} from '../learner/algorithms/actorCritic.ts'
export { type SourceLoss, appliedGradients } from '../learner/algorithms/appliedGradients.ts'
export * from '../learner/heads/index.ts'
export * from '../learner/losses/index.ts'
export * from '../learner/networks/index.ts'

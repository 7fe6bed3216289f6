export { type Schedule, valueAt } from '../../shared/schedule.ts'

declare const clock: unique symbol
type Clock<Name extends string> = number & { readonly [clock]?: Name }

/** Env steps sampled: the clock of goals, budgets and of most schedules. */
export type EnvSteps = Clock<'envSteps'>
/** Env steps that went through a train step (a step trained on twice counts twice). */
export type TrainedSteps = Clock<'trainedSteps'>
/** Optimizer updates. A policy version is the update count it was published at. */
export type Updates = Clock<'updates'>

/** The three clocks of a run. A schedule names the one it reads (RLlib Flow's Q6: a schedule on the wrong clock). */
export interface Clocks {
  readonly envSteps: EnvSteps
  readonly trainedSteps: TrainedSteps
  readonly updates: Updates
}

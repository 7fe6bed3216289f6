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

/** A number that changes over one named clock: linear from `from` to `to` within the first `over` ticks, then constant. */
export interface Schedule {
  readonly clock: keyof Clocks
  readonly from: number
  readonly to: number
  readonly over: number
}

/** The value of a constant or a schedule at a moment of the run. */
export function valueAt(value: number | Schedule, clocks: Clocks): number {
  if (typeof value === 'number') return value
  const progress = Math.min(1, clocks[value.clock] / value.over)
  return value.from + (value.to - value.from) * progress
}

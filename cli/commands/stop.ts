export interface StopOptions {
  readonly stage: string
  /** Which run; all of the stage without it. */
  readonly run?: string
  /** Do not wait for the learner: stop functions and learner in the cloud at once. */
  readonly now: boolean
}

export interface LearnerOptions {
  /** Stage of the project here, or */
  readonly stage?: string
  /** the parameter of the account that describes a stage: what a container is given. */
  readonly parameter?: string
  /** End when no run waits, at once. */
  readonly once: boolean
}

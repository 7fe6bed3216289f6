export interface StatusOptions {
  readonly stage: string
  /** Which run; all of the stage without it. */
  readonly run?: string
  /** Show it until it is over, and bring its folder, as `run` does. */
  readonly follow: boolean
  readonly json: boolean
  /** With `follow`: as for `run`. */
  readonly out?: string
}

export interface RunOptions {
  /** As the user typed it. */
  readonly file: string
  readonly stage: string
  readonly seed?: number
  /** Where the run folder goes when the run is over; as for `train`. */
  readonly out?: string
  readonly set: Readonly<Record<string, string>>
  /** Do not follow the run: say how to, and end. */
  readonly detach: boolean
  readonly quiet: boolean
}

export interface RemoveOptions {
  readonly stage: string
}

export interface DeployOptions {
  readonly stage: string
}

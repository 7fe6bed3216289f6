/** What the checks ask of AWS and of this machine; a test answers itself. */
export interface PreflightPorts {
  account(): Promise<{ readonly account: string; readonly arn: string; readonly region: string }>
  concurrencyQuota(): Promise<{ readonly limit: number; readonly unreserved: number }>
  /** What the stage's function has reserved already; 0 for a stage that is not there yet. */
  reservedByStage(): Promise<number>
  /** vCPUs. */
  gpuQuota(kind: { readonly spot: boolean }): Promise<number>
  /** VPCs: how many may be in the region, how many are, and whether the stage's own is among them. */
  networks(): Promise<{ readonly quota: number; readonly there: number; readonly own: boolean }>
  offeredInstanceTypes(types: readonly string[]): Promise<readonly string[]>
  /** The version of Docker's engine; undefined where it is not installed or does not run. */
  dockerVersion(): Promise<string | undefined>
  /** The version of SST installed for a project; undefined where it is not. */
  sstVersion(): Promise<string | undefined>
  /** The version of Millrace that the project deploys; undefined where it depends on none. */
  millraceVersion(): Promise<string | undefined>
}

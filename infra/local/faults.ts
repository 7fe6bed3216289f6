/** As IAM writes them before the colon of an action. */
export type ServiceName =
  | 's3'
  | 'sqs'
  | 'lambda'
  | 'ssm'
  | 'autoscaling'
  | 'ecs'
  | 'scheduler'
  | 'logs'
  | 'sts'
  | 'servicequotas'
  | 'ec2'

/** A request on its way to a service, as a fault hook sees it. */
export interface FaultRequest {
  readonly service: ServiceName
  /** `PutObject`, `ReceiveMessage`, `Invoke` … */
  readonly operation: string
  /** `bucket/key` for S3, the name for a function and a schedule; '' where the body names it. */
  readonly resource: string
}

/** What happens to a request instead of, or before, its usual answer. */
export interface FaultAction {
  /** Waits first. */
  readonly delayMs?: number
  /** Then refuses, in the service's own error format, without doing anything. */
  readonly refuse?: { readonly status: number; readonly code: string; readonly message?: string }
}

/** Asked for every request; undefined lets it pass. Deterministic faults come from a hook that draws from a seed. */
export type Faults = (request: FaultRequest) => FaultAction | undefined

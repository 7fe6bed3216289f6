/** A request on its way to a service, as a fault hook sees it. */
export interface FaultRequest {
  readonly service: 's3' | 'sqs' | 'lambda'
  /** `PutObject`, `ReceiveMessage`, `Invoke` … */
  readonly operation: string
  /** `bucket/key` for S3, the function's name for Lambda; '' for SQS, whose queue is named in the body. */
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

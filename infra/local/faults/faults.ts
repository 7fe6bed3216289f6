import type { Message } from '../sqs/message.ts'

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
  /** Or breaks the connection: before anything is done, or when it is done and the answer is on its way. */
  readonly drop?: 'before' | 'after'
}

/** Asked for every request; undefined lets it pass. Deterministic faults come from a hook that draws from a seed. */
export type Faults = (request: FaultRequest) => FaultAction | undefined

/** Faults of messages, asked by every queue. */
export interface MessageFaults {
  /**
   * A message is taken: what the queue keeps in its place. None is a message that is lost.
   * @throws AwsError where it is not taken
   */
  taken(queue: string, message: Message): readonly Message[]
  /** A message is delivered: ms after which it is there again, whatever its visibility time-out; undefined for that one. */
  againAfterMs(queue: string, message: Message): number | undefined
}

/** Faults of objects: what is kept in place of a body; undefined for the body itself. */
export type ObjectFaults = (bucket: string, key: string, body: Uint8Array) => Uint8Array | undefined

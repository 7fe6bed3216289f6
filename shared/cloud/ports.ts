import type { MillraceError } from '../errors.ts'

/** The result of reading an object. */
export type ReadResult =
  | { readonly kind: 'found'; readonly body: Uint8Array; readonly etag: string }
  | { readonly kind: 'notModified' }
  | { readonly kind: 'absent' }

export interface WriteCondition {
  /** Write only if no object is there. */
  readonly ifAbsent?: boolean
  /** Write only over the object with this ETag. */
  readonly ifMatch?: string
}

/** An object store (S3). Keys are relative to the bucket the store was made for. */
export interface ObjectStore {
  /** @throws MillraceError E_STORE */
  get(key: string, options?: { readonly ifNoneMatch?: string; readonly signal?: AbortSignal }): Promise<ReadResult>
  /**
   * @returns the new ETag
   * @throws MillraceError E_STORE_PRECONDITION when the condition does not hold, E_STORE otherwise
   */
  put(key: string, body: Uint8Array, condition?: WriteCondition): Promise<string>
  /** Keys under a prefix in UTF-8 order, all pages. */
  list(prefix: string): Promise<readonly string[]>
  delete(keys: readonly string[]): Promise<void>
}

export interface QueueMessage {
  readonly id: string
  readonly receipt: string
  readonly body: string
  /** Number of deliveries of this message, including this one. */
  readonly receiveCount: number
}

/** A queue of sample batches (SQS): at least once, in no order. */
export interface BatchQueue {
  /** @throws MillraceError E_QUEUE */
  send(body: string): Promise<void>
  /** Up to `max` (1 … 10) messages; waits up to `waitMs` (0 … 20,000) for the first. An abort gives back []. */
  receive(options: {
    readonly max: number
    readonly waitMs: number
    readonly signal?: AbortSignal
  }): Promise<readonly QueueMessage[]>
  /** Deletes what was consumed, any number at once. */
  delete(messages: readonly QueueMessage[]): Promise<void>
  /** Moves a message that can never be used to the dead-letter queue, with the reason. */
  reject(message: QueueMessage, reason: string): Promise<void>
}

export type InvokeResult =
  /** `requestId` as the platform will name this invocation when it tells of its failure, where it does. */
  | { readonly kind: 'accepted'; readonly requestId?: string }
  | { readonly kind: 'throttled'; readonly reason: string }
  /** The platform failed or could not be reached, which may be temporary. It may still have accepted the invocation. */
  | { readonly kind: 'unavailable'; readonly error: MillraceError }

/** A way to start functions (Lambda's asynchronous invocation). */
export interface Invoker {
  /** @throws MillraceError E_INVOKE for errors that a retry cannot fix; throttles and temporary failures are results, not errors */
  invoke(payload: Uint8Array): Promise<InvokeResult>
}

/** The machine that a stage's learner runs on: none or one. */
export interface LearnerGroup {
  /** How many are asked for, and how many are up. @throws MillraceError E_AWS */
  size(): Promise<{ readonly desired: number; readonly running: number }>
  /** Asks for one, or for none. @throws MillraceError E_AWS, E_PERMISSION */
  set(desired: 0 | 1): Promise<void>
}

/** How many environments a function may have at once (Lambda's reserved concurrency); 0 stops it. */
export interface ConcurrencyLimit {
  /** Undefined while nothing is reserved. @throws MillraceError E_AWS */
  get(): Promise<number | undefined>
  /** @throws MillraceError E_QUOTA when the account has not so many left, E_AWS, E_PERMISSION */
  set(limit: number): Promise<void>
}

/** One-time schedules in the cloud that set functions and learner to zero unless they are postponed in time. They need no process of ours. */
export interface DeadMan {
  /** @param at ms since the epoch; a later call postpones them @throws MillraceError E_AWS, E_PERMISSION */
  arm(at: number): Promise<void>
  disarm(): Promise<void>
}

/** Time as the rollout core and the learner see it, so that a test can pass a virtual clock. */
export interface Clock {
  /** Milliseconds since the epoch, for times that other machines read. This clock may be set and then jumps, so durations must not use it. */
  now(): number
  /** Milliseconds of a monotonic clock, for every duration and limit. Its start has no meaning. */
  monotonic(): number
  /** Resolves after `ms`, or at once when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

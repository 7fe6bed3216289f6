import type { BatchQueue, Clock, Invoker, ObjectStore } from '../../shared/cloud/ports.ts'
import type { CloudFaults } from './fragmentFates.ts'
import type { Lease } from '../../shared/protocol/lease.ts'

/** A whole line that an env wrote to stdout or stderr inside a function. */
export interface FunctionOutput {
  /** The run whose lease the function had, where the cloud may have several. */
  readonly run?: string | undefined
  /** Undefined where it cannot be known. */
  readonly shard: number | undefined
  readonly stream: 'stdout' | 'stderr'
  /** Without its line end. */
  readonly text: string
}

/** Where a run's functions, bucket and queue are: the emulated cloud, AWS, or one process. */
export interface RunCloud {
  /** For the display: "emulated cloud", "AWS eu-west-1", "one process". */
  readonly where: string
  readonly store: ObjectStore
  readonly queue: BatchQueue
  readonly invoker: Invoker
  readonly clock: Clock
  readonly bucket: string
  readonly queueUrl: string
  /** Endpoints of S3 and SQS, for functions whose own settings name other ones. */
  readonly endpoints?: Lease['endpoints']
  /** Default for `rollouts.spillAboveBytes`: the size from which the bucket is cheaper here. */
  readonly spillAboveBytes: number
  /** Default for `rollouts.manifestPollMs`. */
  readonly manifestPollMs: number
  /**
   * What to do with another run's messages. `reject` (the default): a stranger writes into this queue. `delete`: the queue is shared by
   * one learner after the other, and such messages are left over from finished runs.
   */
  readonly leftovers?: 'reject' | 'delete'
  /** How long functions go on without a sign of life of the learner. */
  readonly heartbeatMs: number
  /** Functions that it has at once, where that is known. */
  readonly concurrency?: number
  /** Of a rollout function, for the bill. */
  readonly memoryMb: number
  /** List price of its GB-second, for the bill; without it the price book's. */
  readonly functionGbSecondUsd?: number
  /** Of the learner's machine, for the bill; without it the price book's. */
  readonly learnerHourUsd?: number
  /** The bundled train worker; without it the learner works in this thread, so that a debugger sees everything in order. */
  readonly trainWorker: string | undefined
  /** Registers a listener for invocations that the platform reports as failed, where it can report them; `started` false where it had no room. */
  onInvocationFailed?(listener: (requestId: string, reason: string, started?: boolean) => void): void
  /** Registers a listener for every line that functions write, where the output is available. */
  onFunctionOutput?(listener: (output: FunctionOutput) => void): void
  /** What was injected into this run and what of its messages is known, where faults are on; complete once the cloud is closed. */
  faultReport?(): CloudFaults
  /** On a cloud that several runs share: a view for one run, with its own queue and listeners. Closing the view leaves the cloud open. */
  forRun?(): Promise<RunCloud>
  /** Stops everything that it started. */
  close(): Promise<void>
}

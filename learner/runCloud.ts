import type { BatchQueue, Clock, Invoker, ObjectStore } from '../shared/cloud/ports.ts'
import type { CloudFaults } from './fragmentFates.ts'
import type { Lease } from '../shared/protocol/lease.ts'

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
  /** Where S3 and SQS are, for functions whose own settings lead elsewhere. */
  readonly endpoints?: Lease['endpoints']
  /** Bodies over this go through the bucket, unless the experiment says otherwise: where it is cheaper here. */
  readonly spillAboveBytes: number
  /** How often a function looks at the manifest, at most, unless the experiment says otherwise. */
  readonly manifestPollMs: number
  /**
   * What becomes of another run's messages. `reject`, unless told: a stranger writes into this queue. `delete`: the queue is that of
   * one learner after the other, and they are what runs left that are over.
   */
  readonly leftovers?: 'reject' | 'delete'
  /** How long functions go on without a sign of life of the learner. */
  readonly heartbeatMs: number
  /** Of a rollout function, for the bill. */
  readonly memoryMb: number
  /** List price of its GB-second, for the bill; without it the price book's. */
  readonly functionGbSecondUsd?: number
  /** Of the learner's machine, for the bill; without it the price book's. */
  readonly learnerHourUsd?: number
  /** The bundled train worker; without it the learner works in this thread, so that a debugger sees everything in order. */
  readonly trainWorker: string | undefined
  /** Calls back when the platform says that an invocation failed, where it can say so. */
  onInvocationFailed?(listener: (requestId: string, reason: string) => void): void
  /** Calls back for every line that functions write, where they can be heard from here. */
  onFunctionOutput?(listener: (output: FunctionOutput) => void): void
  /** What was injected into this run and what of its messages is known, where faults are on; whole once the cloud is closed. */
  faultReport?(): CloudFaults
  /** Of a cloud that several runs share: the same, with a queue and listeners of its own. Closing it leaves the shared one open. */
  forRun?(): Promise<RunCloud>
  /** Stops what it started. Nothing is left running. */
  close(): Promise<void>
}

import type { BatchQueue, Clock, Invoker } from '../../shared/cloud/ports.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { requestedRuns } from '../stage/runs.ts'
import type { Stage } from '../stage/stage.ts'
import type { Bill } from './bill.ts'

/** What every item of the doctor works with: the stage, its ports, and the limits. */
export interface DoctorContext {
  readonly stage: Stage
  readonly queue: BatchQueue
  /** Starts the rollout function, as the learner does. */
  readonly rollout: Invoker
  readonly settings: StageReadings
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Version of this command. */
  readonly millrace: string
  /** Everything the doctor makes begins with this name. */
  readonly name: string
  /** ms since the epoch. */
  readonly startedAt: number
  readonly limits: Limits
  readonly bill: Bill
  /** Runs that were submitted. */
  readonly runs: { readonly run: string; readonly requestedAt: number; /** A learner has begun it. */ taken: boolean }[]
  /** An experiment on CartPole as the learner takes it. */
  learnerModule(): Promise<Uint8Array>
  /** Calls a function and waits. @throws MillraceError E_INVOKE; `where.status` 429 when it was throttled */
  invoke(functionName: string, payload: unknown): Promise<unknown>
  /** Streams of a log group that were written to since the doctor began. */
  logLines(group: string): Promise<readonly string[]>
}

/** What the control plane says of a stage, beside the ports that change it. */
export interface StageReadings {
  /** Reads the description again. */
  description(): Promise<StageDescription>
  /** Does the bucket block every form of public access? */
  publicAccessBlocked(): Promise<boolean>
  eventInvokeConfig(functionName: string): Promise<{ readonly retries?: number; readonly maxAgeSeconds?: number }>
  /** Every dead-man schedule. */
  schedules(): Promise<readonly { readonly name: string; readonly enabled: boolean; readonly expression: string }[]>
  /** Smallest and largest size of the learner's group; undefined where it is a service, which has none. */
  groupBounds(): Promise<{ readonly min: number; readonly max: number } | undefined>
}

/** Runs that others requested while the doctor is at the stage. */
export async function othersRuns({ stage, runs }: Pick<DoctorContext, 'stage' | 'runs'>): Promise<readonly string[]> {
  const own = new Set(runs.map(({ run }) => run))
  return (await requestedRuns(stage.store)).filter((run) => !own.has(run))
}

/** How long the doctor waits, ms. */
export interface Limits {
  /** A function's answer, a setting that takes effect. */
  readonly functions: number
  /** From the request until the learner has taken the run: a machine has to come up. */
  readonly learnerUp: number
  /** From then until a small run is over, or stopped. */
  readonly run: number
  /** Until a line is in the log. */
  readonly logs: number
  /** Until the learner's machine has gone. */
  readonly learnerGone: number
  /** For `--dead-man`: how far ahead the dead-man is armed, and how late it may strike. */
  readonly deadManAhead: number
  readonly deadManStrikes: number
}

const MINUTE = 60_000

export const LIMITS: Limits = {
  functions: MINUTE,
  learnerUp: 15 * MINUTE,
  run: 2 * MINUTE,
  logs: 2 * MINUTE,
  learnerGone: 10 * MINUTE,
  deadManAhead: MINUTE,
  deadManStrikes: 3 * MINUTE,
}

/**
 * Polls until `look` returns something.
 * @returns undefined when the time is up, or the doctor was interrupted
 */
export async function within<T>(
  ms: number,
  { clock, signal }: Pick<DoctorContext, 'clock' | 'signal'>,
  look: () => Promise<T | undefined>,
  pollMs: number = 1000,
): Promise<T | undefined> {
  const end = clock.monotonic() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (signal.aborted || clock.monotonic() >= end) return undefined
    await clock.sleep(pollMs, signal)
  }
}

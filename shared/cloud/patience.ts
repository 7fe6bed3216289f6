import { setMaxListeners } from 'node:events'
import { errorMayPass } from './mayPass.ts'
import type { BatchQueue, Clock, ObjectStore } from './ports.ts'

/** How long S3, SQS or Lambda may be out of reach, or fail itself, before what needs it fails. */
export const OUTAGE_MS = 180_000
const PAUSE_MS = { first: 100, last: 5_000 }

export interface PatienceOptions {
  readonly clock: Clock
  /** How long one call is tried again after its first failure. */
  readonly forMs?: number
  /** Monotonic ms after which nothing is tried again. */
  readonly untilMs?: number
  /** Once it aborts nothing is tried again: whoever waits is to hear of the failure. */
  readonly signal?: AbortSignal | undefined
  /** Asked after every failure: is there still somebody to do it for? */
  readonly worthIt?: () => boolean
  /** A call failed and is tried again. Called for every failure. */
  readonly onOutage?: (error: unknown) => void
  /** For the jitter, so that a thousand functions do not come back at once: 0 to 1. */
  readonly random?: () => number
}

/**
 * The rule by which calls to S3 and SQS are tried again: those whose failure may pass (see `errorMayPass`), for minutes, with pauses that
 * double up to five seconds, half of each by chance. What is wrong with the request, the credentials or the bucket fails at once.
 *
 * The SDK's own three attempts within a fraction of a second stay below it: they take the single refused call without a pause or a word.
 */
export class Patience {
  private readonly options: PatienceOptions

  constructor(options: PatienceOptions) {
    this.options = options
    if (options.signal) setMaxListeners(0, options.signal) // any number of calls may wait at once
  }

  /**
   * @param call may have done its work though it failed, and must do no harm when it is done twice
   * @throws what the call fails with, where that does not pass, or has not passed in time
   */
  async try<T>(call: () => Promise<T>, { signal, failed }: TryOptions = {}): Promise<T> {
    let since: number | undefined
    for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)) {
      try {
        return await call()
      } catch (error) {
        const { clock, forMs = OUTAGE_MS, untilMs = Infinity, worthIt, onOutage, random = Math.random } = this.options
        const now = clock.monotonic()
        since ??= now
        const left = Math.min(since + forMs, untilMs) - now
        const over = left <= 0 || this.options.signal?.aborted || signal?.aborted
        if (over || !errorMayPass(error) || worthIt?.() === false) throw error
        failed?.(error)
        onOutage?.(error)
        await sleepUnless([this.options.signal, signal], Math.min(left, pauseMs * (1 + random()) * 0.5), clock)
      }
    }
  }
}

interface TryOptions {
  readonly signal?: AbortSignal | undefined
  /** This call failed and is tried again. */
  readonly failed?: (error: unknown) => void
}

async function sleepUnless(signals: readonly (AbortSignal | undefined)[], ms: number, clock: Clock): Promise<void> {
  const given = signals.filter((signal) => signal !== undefined)
  await clock.sleep(ms, given.length > 1 ? AbortSignal.any(given) : given[0])
}

/**
 * A store that rides out the bucket's bad minutes. Reads, listings and writes give the same however often they are made. Two kinds of call
 * go through as they are: a conditional write, which could lose against its own first try; and a delete, for which nobody should wait.
 */
export function patientStore(store: ObjectStore, patience: Patience): ObjectStore {
  return {
    get: (key, options) => patience.try(() => store.get(key, options), options),
    put: (key, body, condition) =>
      condition ? store.put(key, body, condition) : patience.try(() => store.put(key, body)),
    list: (prefix) => patience.try(() => store.list(prefix)),
    delete: (keys) => store.delete(keys),
  }
}

/**
 * A queue that rides out SQS's bad minutes. A message that was sent twice is taken once: the learner knows fragments by their numbers, and
 * goodbyes by their leases. What a failed receive has hidden comes back after the visibility time-out. Deletes go through as they are.
 */
export function patientQueue(queue: BatchQueue, patience: Patience): BatchQueue {
  return {
    send: (body) => patience.try(() => queue.send(body)),
    receive: (options) => patience.try(() => queue.receive(options), options),
    delete: (messages) => queue.delete(messages),
    reject: (message, reason) => patience.try(() => queue.reject(message, reason)),
  }
}

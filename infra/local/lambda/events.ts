import type { Clock } from '../../../shared/cloud/ports.ts'
import { type Failure, type FailureCondition, failureRecord } from './destination.ts'
import { DEFAULT_EVENT_AGE_MS, DEFAULT_RETRIES } from './function.ts'
import type { Attempt, Fault, FunctionInvoker } from './invoke.ts'
import type { Outcome } from './outcome.ts'
import type { UsageCounter } from './usage.ts'

/** Lambda waits one minute before the first retry of a failed event and two before the second. */
const RETRY_WAIT_MS = [60_000, 120_000] as const
/** A throttled event is tried again after 1 s, then twice as long each time, up to 5 minutes; this does not count as a retry. */
const THROTTLE_WAIT_MS = { first: 1000, most: 300_000 } as const

/** An asynchronous event that Lambda gave up. */
export interface DroppedEvent {
  readonly requestId: string
  readonly condition: FailureCondition
  /** How often the function was run for it. */
  readonly invocations: number
}

export interface EventQueueOptions {
  readonly invoker: FunctionInvoker
  readonly usage: UsageCounter
  readonly clock: Clock
  /** Sends the record of an event that failed for good to a destination. May throw; then the record is lost, as on Lambda. */
  readonly deliver: ((destinationArn: string, record: string) => void) | undefined
  /** Told of every event that failed for good, and after how many runs of its function. */
  readonly onDropped?: ((event: DroppedEvent) => void) | undefined
  /** Aborted when the emulation closes: all waiting ends. */
  readonly closing: AbortSignal
}

/** Lambda's internal queue of asynchronous events: at least one attempt each, retried and aged as the function says. */
export class EventQueue {
  readonly #options: EventQueueOptions
  readonly #pending = new Set<Promise<void>>()

  constructor(options: EventQueueOptions) {
    this.#options = options
  }

  /** Events accepted and not yet done or dropped. */
  get size(): number {
    return this.#pending.size
  }

  /** Takes an event that was accepted (202) and sees it through; `fault` was chosen for its first attempt. */
  accept(event: Attempt, fault: Exclude<Fault, 'throttle'> | undefined): void {
    const work = this.#seeThrough(event, fault).finally(() => this.#pending.delete(work))
    this.#pending.add(work)
  }

  /** Resolves when no event is left. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async #seeThrough(event: Attempt, firstFault: Exclude<Fault, 'throttle'> | undefined): Promise<void> {
    const { clock, usage, closing } = this.#options
    const acceptedAt = clock.now()
    let throttles = 0
    let invocations = 0
    let outcome: Outcome | undefined
    let fault = firstFault
    for (let attempt = 0; !closing.aborted;) {
      const stopped = event.fn.reservedConcurrency === 0
      const tried = stopped ? undefined : await this.#try({ ...event, attempt }, fault)
      if (tried?.status === 'ok') return
      if (tried !== undefined) {
        outcome = tried
        invocations++
      }
      const { retries = DEFAULT_RETRIES, maximumEventAgeMs = DEFAULT_EVENT_AGE_MS } = event.fn.eventConfig ?? {}
      const waitMs = tried === undefined ? throttleWait(throttles++) : (RETRY_WAIT_MS[attempt++] ?? 0)
      const tooOld = clock.now() + waitMs - acceptedAt > maximumEventAgeMs
      const hopeless: FailureCondition | undefined = stopped
        ? 'ZeroReservedConcurrency'
        : attempt > retries
          ? 'RetriesExhausted'
          : tooOld
            ? 'EventAgeExceeded'
            : undefined
      if (hopeless !== undefined) {
        usage.eventDropped(event.fn.name)
        this.#options.onDropped?.({ requestId: event.requestId, condition: hopeless, invocations })
        return this.#tell(event, { condition: hopeless, invocations, outcome, nowMs: clock.now() })
      }
      await clock.sleep(waitMs, closing)
      fault = undefined
    }
  }

  #tell(event: Attempt, failure: Failure): void {
    const destination = event.fn.eventConfig?.onFailure
    if (destination === undefined) return
    try {
      this.#options.deliver?.(destination, failureRecord(event, failure))
    } catch {
      // a queue that is gone, or a record too large for it
    }
  }

  /** Undefined when there was no room, or the platform failed: both go back to the queue. */
  async #try(attempt: Attempt, fault: Exclude<Fault, 'throttle'> | undefined): Promise<Outcome | undefined> {
    const { invoker } = this.#options
    try {
      return (await invoker.run(attempt, attempt.attempt === 0 ? fault : invoker.fault(attempt))).outcome
    } catch {
      return undefined
    }
  }
}

const throttleWait = (throttles: number): number =>
  Math.min(THROTTLE_WAIT_MS.first * 2 ** throttles, THROTTLE_WAIT_MS.most)

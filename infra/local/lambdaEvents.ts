import type { Clock } from '../../shared/cloud/ports.ts'
import { DEFAULT_EVENT_AGE_MS, DEFAULT_RETRIES } from './lambdaFunction.ts'
import type { Attempt, Fault, FunctionInvoker } from './lambdaInvoke.ts'
import type { UsageCounter } from './lambdaUsage.ts'

/** Lambda waits one minute before the first retry of a failed event and two before the second. */
const RETRY_WAIT_MS = [60_000, 120_000] as const
/** A throttled event is tried again after 1 s, then twice as long each time, up to 5 minutes; this does not count as a retry. */
const THROTTLE_WAIT_MS = { first: 1000, most: 300_000 } as const

export interface EventQueueOptions {
  readonly invoker: FunctionInvoker
  readonly usage: UsageCounter
  readonly clock: Clock
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
    let fault = firstFault
    for (let attempt = 0; !closing.aborted;) {
      const result = event.fn.reservedConcurrency === 0 ? 'stopped' : await this.#try({ ...event, attempt }, fault)
      if (result === 'ok') return
      const { retries = DEFAULT_RETRIES, maximumEventAgeMs = DEFAULT_EVENT_AGE_MS } = event.fn.eventConfig ?? {}
      const waitMs = result === 'throttled' ? throttleWait(throttles++) : (RETRY_WAIT_MS[attempt++] ?? 0)
      const hopeless =
        result === 'stopped' || attempt > retries || clock.now() + waitMs - acceptedAt > maximumEventAgeMs
      if (hopeless) return usage.eventDropped(event.fn.name)
      await clock.sleep(waitMs, closing)
      fault = undefined
    }
  }

  async #try(attempt: Attempt, fault: Exclude<Fault, 'throttle'> | undefined): Promise<'ok' | 'failed' | 'throttled'> {
    const { invoker } = this.#options
    try {
      const { outcome } = await invoker.run(attempt, attempt.attempt === 0 ? fault : invoker.fault(attempt))
      return outcome.status === 'ok' ? 'ok' : 'failed'
    } catch {
      return 'throttled' // no room, or the platform failed: both go back to the queue
    }
  }
}

const throttleWait = (throttles: number): number =>
  Math.min(THROTTLE_WAIT_MS.first * 2 ** throttles, THROTTLE_WAIT_MS.most)

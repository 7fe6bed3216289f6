import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { Environment } from './environment.ts'
import type { LambdaFunction } from './function.ts'
import { type ConcurrencyLimits, throttled } from './limits.ts'
import { endLine, reportLine } from './log.ts'
import { type Outcome, errorMessage, exited, outOfMemory, timedOut } from './outcome.ts'
import type { EnvironmentPool } from './pool.ts'
import type { InvocationReport, UsageCounter } from './usage.ts'

/** One attempt to run a function. */
export interface Attempt {
  readonly fn: LambdaFunction
  readonly requestId: string
  readonly invocationType: 'RequestResponse' | 'Event'
  readonly attempt: number
  readonly payload: Buffer
  readonly clientContext: string | undefined
}

/** What is known of an attempt when a fault may be chosen for it. */
export interface FaultPoint {
  readonly functionName: string
  readonly requestId: string
  readonly invocationType: 'RequestResponse' | 'Event'
  readonly attempt: number
  /** What the function is given. */
  readonly payload: Buffer
}

/**
 * A fault on demand: `throttle` refuses the attempt as a rate limit would, `crash` kills the process once the handler has its
 * event, `crashAfterMs` kills it later, `kill` when the signal aborts, `delayMs` holds the attempt back before it starts.
 */
export type Fault = 'crash' | 'throttle' | { readonly delayMs: number } | { readonly crashAfterMs: number } | KillOn

export interface KillOn {
  readonly kill: AbortSignal
  /** How the platform says that it ended. */
  readonly as: 'crash' | 'timeout' | 'outOfMemory'
}

export interface Execution {
  readonly outcome: Outcome
  readonly report: InvocationReport
  readonly logBase64: string
}

export interface InvokerOptions {
  readonly pool: EnvironmentPool
  readonly limits: ConcurrencyLimits
  readonly usage: UsageCounter
  readonly clock: Clock
  /** Aborted when the emulation closes. */
  readonly closing: AbortSignal
  readonly faults: ((point: FaultPoint) => Fault | undefined) | undefined
  readonly onInvocation: ((report: InvocationReport) => void) | undefined
}

/** Runs attempts in environments: warm where one is idle, cold otherwise. */
export class FunctionInvoker {
  readonly #options: InvokerOptions

  constructor(options: InvokerOptions) {
    this.#options = options
  }

  /** The fault for this attempt, if any: the one place where faults come in. @throws AwsError when it is a throttle */
  fault(attempt: Attempt): Exclude<Fault, 'throttle'> | undefined {
    const { requestId, invocationType } = attempt
    const fault = this.#options.faults?.({
      functionName: attempt.fn.name,
      requestId,
      invocationType,
      attempt: attempt.attempt,
      payload: attempt.payload,
    })
    if (fault !== 'throttle') return fault
    this.#options.usage.throttle(attempt.fn.name)
    throw throttled('CallerRateLimitExceeded')
  }

  /**
   * @returns the execution, whatever its outcome
   * @throws AwsError TooManyRequestsException when there is no room
   */
  async run(attempt: Attempt, fault?: Exclude<Fault, 'throttle'>): Promise<Execution> {
    const { pool, limits, usage, clock, closing } = this.#options
    const { fn } = attempt
    if (typeof fault === 'object' && 'delayMs' in fault) await clock.sleep(fault.delayMs, closing)
    if (closing.aborted) throw new AwsError(500, 'ServiceException', 'The emulated cloud is closing.')
    const refusal =
      limits.refusal(fn) ?? (pool.hasRoom(fn) ? undefined : throttled('ConcurrentInvocationLimitExceeded'))
    if (refusal !== undefined) {
      usage.throttle(fn.name)
      throw refusal
    }
    fn.running++
    try {
      const warm = pool.takeWarm(fn)
      return await this.#execute(attempt, {
        environment: warm ?? (await pool.start(fn)),
        cold: warm === undefined,
        fault,
      })
    } finally {
      fn.running--
    }
  }

  async #execute(
    attempt: Attempt,
    {
      environment,
      cold,
      fault,
    }: { environment: Environment; cold: boolean; fault: Exclude<Fault, 'throttle'> | undefined },
  ): Promise<Execution> {
    const { fn, requestId } = attempt
    const init = await environment.ready
    environment.begin(requestId, cold)
    const startedAt = performance.now()
    const outcome = init.failure?.(requestId) ?? (await this.#inEnvironment(attempt, environment, fault))
    const elapsedMs = init.failure === undefined ? performance.now() - startedAt : 0
    const ranOut = outcome.status === 'timeout' && init.failure === undefined && fault === undefined
    const durationMs = ranOut ? fn.timeoutMs : elapsedMs
    const billedMs = Math.ceil(durationMs + (cold ? init.initMs : 0))
    const report: InvocationReport = {
      functionName: fn.name,
      requestId,
      environmentId: environment.id,
      invocationType: attempt.invocationType,
      attempt: attempt.attempt,
      status: outcome.status,
      errorType: outcome.errorType,
      errorMessage: errorMessage(outcome),
      coldStart: cold,
      durationMs,
      initMs: cold ? init.initMs : undefined,
      initParts: cold ? init.parts : undefined,
      billedMs,
      memoryMb: fn.memoryMb,
      maxMemoryMb: environment.maxMemoryMb,
      gbSeconds: (billedMs / 1000) * (fn.memoryMb / 1024),
      payloadBytes: attempt.payload.length,
      responseBytes: outcome.body.length,
    }
    environment.write(endLine(requestId) + reportLine(report))
    const logBase64 = environment.log.base64()
    environment.finish()
    this.#options.pool.release(environment)
    this.#options.usage.execution(report)
    this.#options.onInvocation?.(report)
    return { outcome, report, logBase64 }
  }

  #inEnvironment(
    attempt: Attempt,
    environment: Environment,
    fault: Exclude<Fault, 'throttle'> | undefined,
  ): Promise<Outcome> {
    const { fn, requestId, payload, clientContext } = attempt
    const { arn: functionArn, timeoutMs } = fn
    const deadlineMs = Date.now() + timeoutMs
    const outcome = environment.invoke(
      { requestId, payload, clientContext, functionArn, deadlineMs, timeoutMs },
      timeoutMs,
    )
    if (typeof fault === 'object' && 'kill' in fault) {
      const { kill: signal, as } = fault
      const kill = () => environment.kill((id) => endOf(as, id, timeoutMs))
      if (signal.aborted) kill()
      else signal.addEventListener('abort', kill, { once: true })
      return outcome.finally(() => signal.removeEventListener('abort', kill))
    }
    const crashAfterMs =
      fault === 'crash' ? 0 : fault !== undefined && 'crashAfterMs' in fault ? fault.crashAfterMs : undefined
    if (crashAfterMs === undefined) return outcome
    const crash = () => environment.kill((id) => exited(id, { code: null, signal: 'SIGKILL' }))
    const timer = setTimeout(crash, crashAfterMs)
    return outcome.finally(() => clearTimeout(timer))
  }
}

function endOf(as: KillOn['as'], requestId: string, timeoutMs: number): Outcome {
  if (as === 'timeout') return timedOut(requestId, timeoutMs)
  return as === 'outOfMemory' ? outOfMemory(requestId) : exited(requestId, { code: null, signal: 'SIGKILL' })
}

/** One execution of a function, as a bill or a log would want it. Times in ms. */
export interface InvocationReport {
  readonly functionName: string
  readonly requestId: string
  readonly environmentId: string
  readonly invocationType: 'RequestResponse' | 'Event'
  /** 0, and 1 or 2 for the retries of an asynchronous event. */
  readonly attempt: number
  readonly status: 'ok' | 'error' | 'timeout'
  /** Set when the platform ended the invocation: `Runtime.ExitError`, `Sandbox.Timedout` … */
  readonly errorType: string | undefined
  /** What went wrong, in the platform's or the function's own words. */
  readonly errorMessage: string | undefined
  readonly coldStart: boolean
  /** Time in the handler. */
  readonly durationMs: number
  /** Of a cold start, from nothing to ready; and its parts where the runtime tells them: process, Node.js, handler's module. */
  readonly initMs: number | undefined
  readonly initParts: { readonly spawnMs: number; readonly bootMs: number; readonly loadMs: number } | undefined
  /** Init and handler, rounded up to a millisecond. */
  readonly billedMs: number
  readonly memoryMb: number
  readonly maxMemoryMb: number
  readonly gbSeconds: number
  readonly payloadBytes: number
  readonly responseBytes: number
}

/** What a function, or all of them, used so far. */
export interface Usage {
  invocations: number
  coldStarts: number
  /** Executions that ended in an error or a time-out. */
  errors: number
  throttles: number
  /** Asynchronous events given up: too old, out of retries, or of a function with no concurrency at all. */
  eventsDropped: number
  billedMs: number
  gbSeconds: number
}

const nothing = (): Usage => ({
  invocations: 0,
  coldStarts: 0,
  errors: 0,
  throttles: 0,
  eventsDropped: 0,
  billedMs: 0,
  gbSeconds: 0,
})

export class UsageCounter {
  readonly #byFunction = new Map<string, Usage>()

  execution(report: InvocationReport): void {
    const usage = this.#of(report.functionName)
    usage.invocations++
    if (report.coldStart) usage.coldStarts++
    if (report.status !== 'ok') usage.errors++
    usage.billedMs += report.billedMs
    usage.gbSeconds += report.gbSeconds
  }

  throttle(functionName: string): void {
    this.#of(functionName).throttles++
  }

  eventDropped(functionName: string): void {
    this.#of(functionName).eventsDropped++
  }

  /** Of one function, or of all together. */
  read(functionName?: string): Readonly<Usage> {
    if (functionName !== undefined) return { ...(this.#byFunction.get(functionName) ?? nothing()) }
    const total = nothing()
    for (const usage of this.#byFunction.values()) {
      for (const key of Object.keys(total) as (keyof Usage)[]) total[key] += usage[key]
    }
    return total
  }

  #of(functionName: string): Usage {
    let usage = this.#byFunction.get(functionName)
    if (usage === undefined) this.#byFunction.set(functionName, (usage = nothing()))
    return usage
  }
}

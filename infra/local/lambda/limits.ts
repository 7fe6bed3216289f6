import { AwsError } from '../awsError.ts'
import type { LambdaFunction } from './function.ts'

export interface Limits {
  /** Concurrent invocations of the whole account. */
  readonly accountConcurrency: number
  /** What reservations must leave to the functions without one. */
  readonly unreservedMinimum: number
}

/** Lambda's answer when there is no room, with the reason by which callers tell the limits apart. */
export function throttled(reason: string): AwsError {
  return new AwsError(429, 'TooManyRequestsException', 'Rate Exceeded.', { Reason: reason, Type: 'User' })
}

/** Counts running invocations against the account's concurrency and each function's reservation. */
export class ConcurrencyLimits {
  readonly #limits: Limits
  readonly #functions: ReadonlyMap<string, LambdaFunction>

  constructor(limits: Limits, functions: ReadonlyMap<string, LambdaFunction>) {
    this.#limits = limits
    this.#functions = functions
  }

  /** Why this function can have no further invocation now; undefined when it can. */
  refusal(fn: LambdaFunction): AwsError | undefined {
    if (fn.reservedConcurrency !== undefined) {
      const full = fn.running >= fn.reservedConcurrency
      return full ? throttled('ReservedFunctionConcurrentInvocationLimitExceeded') : undefined
    }
    let running = 0
    for (const other of this.#functions.values()) if (other.reservedConcurrency === undefined) running += other.running
    return running >= this.unreserved() ? throttled('ConcurrentInvocationLimitExceeded') : undefined
  }

  /** Of the whole account. */
  get account(): number {
    return this.#limits.accountConcurrency
  }

  /** What is left to functions without a reservation, `except` counted as one of them. */
  unreserved(except?: LambdaFunction): number {
    let left = this.#limits.accountConcurrency
    for (const fn of this.#functions.values()) if (fn !== except) left -= fn.reservedConcurrency ?? 0
    return left
  }

  /** @throws AwsError InvalidParameterValueException when too little would be left unreserved */
  reserve(fn: LambdaFunction, concurrency: number): void {
    const minimum = this.#limits.unreservedMinimum
    if (concurrency > 0 && this.unreserved(fn) - concurrency < minimum) {
      const message = `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${minimum}].`
      throw new AwsError(400, 'InvalidParameterValueException', message, { Type: 'User' })
    }
    fn.reservedConcurrency = concurrency
  }
}

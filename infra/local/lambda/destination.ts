import type { Attempt } from './invoke.ts'
import type { Outcome } from './outcome.ts'

/** Why Lambda gives an asynchronous event up. */
export type FailureCondition = 'RetriesExhausted' | 'EventAgeExceeded' | 'ZeroReservedConcurrency'

export interface Failure {
  readonly condition: FailureCondition
  /** How often the function was run for it. */
  readonly invocations: number
  /** Of the last run, if there was one. */
  readonly outcome: Outcome | undefined
  readonly nowMs: number
}

/**
 * The record of an asynchronous invocation that failed for good, as Lambda sends it to the function's on-failure destination
 * (Lambda developer guide, "Capturing records of Lambda asynchronous invocations", version 1.0).
 */
export function failureRecord({ fn, requestId, payload }: Attempt, failure: Failure): string {
  const { condition, invocations, outcome, nowMs } = failure
  return JSON.stringify({
    version: '1.0',
    timestamp: new Date(nowMs).toISOString(),
    requestContext: {
      requestId,
      functionArn: `${fn.arn}:$LATEST`,
      condition,
      approximateInvokeCount: invocations,
    },
    requestPayload: parsed(payload),
    ...(outcome !== undefined && {
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: parsed(outcome.body),
    }),
  })
}

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString()) as unknown
  } catch {
    return json.toString() // a runtime of the user's own may answer anything
  }
}

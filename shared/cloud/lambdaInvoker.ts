import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { signalOptions, withSignal } from './abort.ts'
import { type AwsFailure, asMillraceError, awsFailure } from './awsFailure.ts'
import type { Invoker } from './ports.ts'

/** Lambda says within a second that it took an event. */
const ANSWER_MS = 30_000

/** What Node says of a connection that could not be made or did not last. Not of one that must not be trusted. */
const CONNECTION = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/**
 * An Invoker on Lambda's asynchronous invocation. Give it a client with one attempt a call: a lease must not be sent twice, for two
 * functions would work under it.
 */
export function lambdaInvoker(client: LambdaClient, functionName: string): Invoker {
  return {
    async invoke(payload) {
      try {
        const signal = AbortSignal.timeout(ANSWER_MS)
        const input = { FunctionName: functionName, InvocationType: 'Event', Payload: payload } as const
        const command = new InvokeCommand(withSignal(input, signal))
        const { requestId } = (await client.send(command, signalOptions(client, signal))).$metadata
        return { kind: 'accepted', ...(requestId !== undefined && { requestId }) }
      } catch (cause) {
        const failure = awsFailure(cause)
        if (failure.status === 429) return { kind: 'throttled', reason: reasonOf(cause) ?? failure.name }
        const error = asMillraceError('E_INVOKE', `cannot invoke ${functionName}`, failure)
        if (mayPass(failure)) return { kind: 'unavailable', error }
        throw error
      }
    },
  }
}

/** Which limit was hit; Lambda says it in a field of its own. */
function reasonOf(error: unknown): string | undefined {
  return error instanceof Error && 'Reason' in error && typeof error.Reason === 'string' ? error.Reason : undefined
}

/** Is it a failure of Lambda itself, or no answer? Errors in the request, its credentials or the function are not temporary. */
function mayPass({ status, name, cause }: AwsFailure): boolean {
  if (status !== undefined) return status >= 500
  if (name === 'TimeoutError' || name === 'AbortError') return true
  return cause instanceof Error && 'code' in cause && CONNECTION.has(String(cause.code))
}

import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { signalOptions, withSignal } from './abort.ts'
import { asMillraceError, awsFailure } from './awsFailure.ts'
import { mayPass } from './mayPass.ts'
import type { Invoker } from './ports.ts'

/** Lambda says within a second that it took an event. */
const ANSWER_MS = 30_000

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

import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { asMillraceError, awsFailure } from './awsFailure.ts'
import type { Invoker } from './ports.ts'

/** An Invoker on Lambda's asynchronous invocation. Give it a client with one attempt a call. */
export function lambdaInvoker(client: LambdaClient, functionName: string): Invoker {
  return {
    async invoke(payload) {
      try {
        const input = { FunctionName: functionName, InvocationType: 'Event', Payload: payload } as const
        const { requestId } = (await client.send(new InvokeCommand(input))).$metadata
        return { kind: 'accepted', ...(requestId !== undefined && { requestId }) }
      } catch (cause) {
        const failure = awsFailure(cause)
        if (failure.status === 429) return { kind: 'throttled', reason: reasonOf(cause) ?? failure.name }
        throw asMillraceError('E_INVOKE', `cannot invoke ${functionName}`, failure)
      }
    },
  }
}

/** Which limit was hit; Lambda says it in a field of its own. */
function reasonOf(error: unknown): string | undefined {
  return error instanceof Error && 'Reason' in error && typeof error.Reason === 'string' ? error.Reason : undefined
}

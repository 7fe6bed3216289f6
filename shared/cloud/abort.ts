import type { LambdaClient } from '@aws-sdk/client-lambda'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { setMaxListeners } from 'node:events'

/**
 * Abort signals that leave the SDK's cached middleware alone. An `abortSignal` among the options of a call makes a client forget what it
 * cached for every command, and costs that call 0.5 ms of CPU. Here the signal travels in the command's input instead, under a symbol
 * that the SDK copies with the rest and never serialises; the last middleware ties it to the request, where the handler finds it.
 */
const SIGNAL = Symbol('millrace.signal')
const ofRequest = new WeakMap<object, AbortSignal>()

/** Puts a signal into a command's input. Takes effect on clients that went through `takeSignals`. */
export function withSignal<Input extends object>(input: Input, signal: AbortSignal | undefined): Input {
  if (signal === undefined) return input
  setMaxListeners(0, signal) // a run's one signal ends any number of requests; each takes its listener off again
  return { ...input, [SIGNAL]: signal }
}

export class AbortableHandler extends NodeHttpHandler {
  override handle(...[request, options]: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    const abortSignal = ofRequest.get(request)
    return super.handle(request, abortSignal === undefined ? options : { ...options, abortSignal })
  }
}

/** The last middleware before the request leaves, so that it sees the very request that the handler is given. */
export function takeSignals<Client extends S3Client | SQSClient | LambdaClient>(client: Client): Client {
  const { middlewareStack } = client as S3Client
  middlewareStack.add(
    (next) => (args) => {
      const { [SIGNAL]: signal } = args.input as { [SIGNAL]?: AbortSignal }
      if (signal !== undefined && typeof args.request === 'object' && args.request !== null)
        ofRequest.set(args.request, signal)
      return next(args)
    },
    { step: 'deserialize', priority: 'low', name: 'millraceSignals' },
  )
  takers.add(client)
  return client
}

const takers = new WeakSet<object>()

/** What to pass beside a command whose input has the signal: nothing, unless the client knows only the SDK's own way. */
export function signalOptions(
  client: S3Client | SQSClient | LambdaClient,
  signal: AbortSignal | undefined,
): { abortSignal: AbortSignal } | undefined {
  return signal === undefined || takers.has(client) ? undefined : { abortSignal: signal }
}

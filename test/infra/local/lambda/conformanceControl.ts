import {
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionEventInvokeConfigCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  type LambdaClient,
  ListFunctionsCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  TooManyRequestsException,
} from '@aws-sdk/client-lambda'
import { describe, expect, test } from 'vitest'
import { invoke } from './support.ts'

/** The part of the conformance suite that changes how `conformance-probe` may be invoked, and puts it back. */
export function lambdaControlConformance(client: () => LambdaClient): void {
  const call = (event?: unknown) => invoke(client(), 'conformance-probe', event)

  describe('concurrency', () => {
    const reserve = (ReservedConcurrentExecutions: number) =>
      client().send(
        new PutFunctionConcurrencyCommand({ FunctionName: 'conformance-probe', ReservedConcurrentExecutions }),
      )
    const release = () => client().send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'conformance-probe' }))
    const reserved = () => client().send(new GetFunctionConcurrencyCommand({ FunctionName: 'conformance-probe' }))

    test('can be reserved, read and released', async () => {
      expect((await reserve(7)).ReservedConcurrentExecutions).toBe(7)
      expect((await reserved()).ReservedConcurrentExecutions).toBe(7)
      await release()
      expect((await reserved()).ReservedConcurrentExecutions).toBeUndefined()
    })

    test('past the reservation a caller is throttled and told why', async () => {
      await reserve(1)
      try {
        const running = call({ do: 'sleep', ms: 800 })
        const second = await call({ do: 'echo' }).then(
          async () => (await running, 'not throttled'),
          (error: unknown) => error,
        )
        const first = await running.catch((error: unknown) => error)
        const refused = [first, second].filter((result) => result instanceof TooManyRequestsException)
        expect(refused).toHaveLength(1)
        expect(refused[0]).toMatchObject({
          Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
          $metadata: { httpStatusCode: 429 },
        })
      } finally {
        await release()
      }
    })

    test('of 0 stops a function', async () => {
      await reserve(0)
      try {
        await expect(call({ do: 'echo' })).rejects.toBeInstanceOf(TooManyRequestsException)
      } finally {
        await release()
      }
      expect((await call(1)).answer).toBe(1)
    })

    test('that would leave too little to other functions is refused', async () => {
      await expect(reserve(1_000_000)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
    })
  })

  describe('configuration', () => {
    test('is described and listed', async () => {
      const expected = {
        FunctionName: 'conformance-probe',
        MemorySize: 256,
        Timeout: 10,
        Handler: 'probe.handler',
        Version: '$LATEST',
      }
      expect(
        await client().send(new GetFunctionConfigurationCommand({ FunctionName: 'conformance-probe' })),
      ).toMatchObject(expected)
      const { Functions = [] } = await client().send(new ListFunctionsCommand({}))
      expect(Functions.map(({ FunctionName }) => FunctionName)).toEqual(
        expect.arrayContaining(['conformance-probe', 'conformance-quick']),
      )
    })

    test('of asynchronous invocations can be put, read and deleted', async () => {
      const FunctionName = 'conformance-probe'
      const put = { FunctionName, MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }
      const expected = { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }
      expect(await client().send(new PutFunctionEventInvokeConfigCommand(put))).toMatchObject(expected)
      expect(await client().send(new GetFunctionEventInvokeConfigCommand({ FunctionName }))).toMatchObject(expected)
      await client().send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }))
      const absent = client().send(new GetFunctionEventInvokeConfigCommand({ FunctionName }))
      await expect(absent).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    })
  })
}

import { randomBytes } from 'node:crypto'
import { GetFunctionCommand, InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lambdaControlConformance } from './conformanceControl.ts'
import { invoke, lambdaClient } from './support.ts'

/**
 * What Lambda does, asked through the unmodified SDK, so that the same suite judges any endpoint. It expects two functions
 * with `handlers/probe.mjs` as their code and the variable PROBE=yes: `conformance-probe` (256 MB, 10 s) and
 * `conformance-quick` (128 MB, 1 s).
 */
export function lambdaConformance(endpoint: () => string): void {
  let client: LambdaClient
  const call = (event?: unknown, options = {}) => invoke(client, 'conformance-probe', event, options)
  const withLog = (event: unknown) => call(event, { LogType: 'Tail' })
  beforeAll(() => void (client = lambdaClient(endpoint())))
  afterAll(() => client.destroy())

  describe('a synchronous invocation', () => {
    test('answers 200 with what the handler returned', async () => {
      expect(await call({ do: 'echo', text: 'grüße', list: [1, 2] })).toMatchObject({
        status: 200,
        functionError: undefined,
        answer: { do: 'echo', text: 'grüße', list: [1, 2] },
      })
    })

    test('gives the handler {} where the caller sent nothing, and the caller null where the handler returned nothing', async () => {
      expect((await call()).answer).toEqual({})
      expect((await call({ do: 'nothing' })).answer).toBeNull()
    })

    test('tells the handler who and where it is, and how long it has', async () => {
      const { answer } = await call({ do: 'context' })
      expect(answer).toMatchObject({
        functionName: 'conformance-probe',
        functionVersion: '$LATEST',
        memoryLimitInMB: '256',
      })
      expect(answer.awsRequestId).toMatch(/^[0-9a-f-]{36}$/)
      expect(answer.invokedFunctionArn).toMatch(/^arn:aws:lambda:.*:function:conformance-probe/)
      expect(answer.remainingMs).toBeGreaterThan(5000)
      expect(answer.remainingMs).toBeLessThanOrEqual(10_000)
      expect(answer.variable).toBe('yes')
    })

    test('finds a function by its ARN and its partial ARN too', async () => {
      const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: 'conformance-probe' }))
      const arn = Configuration?.FunctionArn ?? ''
      expect((await invoke(client, arn, 1)).answer).toBe(1)
      const [, , , , account] = arn.split(':')
      expect((await invoke(client, `${account}:function:conformance-probe`, 2)).answer).toBe(2)
    })

    test('of a function that does not exist is ResourceNotFoundException', async () => {
      const attempt = invoke(client, 'conformance-nobody', {})
      await expect(attempt).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
        $metadata: { httpStatusCode: 404 },
      })
    })

    test('of something that is no JSON is InvalidRequestContentException', async () => {
      const attempt = client.send(
        new InvokeCommand({ FunctionName: 'conformance-probe', Payload: Buffer.from('{nonsense') }),
      )
      await expect(attempt).rejects.toMatchObject({ name: 'InvalidRequestContentException' })
    })

    test('as a dry run answers 204 and runs nothing', async () => {
      const before = (await call({ do: 'count' })).answer.calls
      expect(await call({ do: 'count' }, { InvocationType: 'DryRun' })).toMatchObject({
        status: 204,
        answer: undefined,
      })
      expect((await call({ do: 'count' })).answer.calls).toBe(before + 1)
    })
  })

  test('an asynchronous invocation is accepted with 202 and no answer', async () => {
    expect(await call({ do: 'echo' }, { InvocationType: 'Event' })).toMatchObject({ status: 202, answer: undefined })
  })

  describe('environments', () => {
    test('are reused: what a module keeps is there in the next invocation', async () => {
      const first = (await call({ do: 'count' })).answer
      const second = (await call({ do: 'count' })).answer
      expect(second).toEqual({ calls: first.calls + 1, environment: first.environment })
    })

    test('run one invocation at a time: parallel invocations get one each', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => call({ do: 'sleep', ms: 300 })))
      expect(new Set(answers.map(({ answer }) => answer.environment)).size).toBe(3)
    })

    test('do not outlive a time-out: the next invocation starts a fresh one', async () => {
      const quick = (event: unknown) => invoke(client, 'conformance-quick', event)
      const before = (await quick({ do: 'count' })).answer
      await quick({ do: 'spin' })
      const after = (await quick({ do: 'count' })).answer
      expect(after.calls).toBe(1)
      expect(after.environment).not.toBe(before.environment)
    })
  })

  describe('a function error is a 200 with its kind in a header', () => {
    test.each([
      ['throw', 'TypeError', 'thrown at once'],
      ['reject', 'RangeError', 'rejected later'],
    ])('%s', async (behaviour, errorType, errorMessage) => {
      const { status, functionError, answer } = await call({ do: behaviour })
      expect({ status, functionError }).toEqual({ status: 200, functionError: 'Unhandled' })
      expect(answer).toMatchObject({ errorType, errorMessage })
      expect(answer.trace[0]).toBe(`${errorType}: ${errorMessage}`)
    })

    test('and the environment lives on', async () => {
      const before = (await call({ do: 'count' })).answer
      await call({ do: 'throw' })
      expect((await call({ do: 'count' })).answer).toEqual({ calls: before.calls + 1, environment: before.environment })
    })

    test('a value that is no Error', async () => {
      expect((await call({ do: 'throwValue' })).answer).toMatchObject({ errorType: 'string', errorMessage: 'a string' })
    })

    test('an answer that cannot be written as JSON', async () => {
      const { functionError, answer } = await call({ do: 'circular' })
      expect(functionError).toBe('Unhandled')
      expect(answer.errorMessage).toMatch(/^Unable to stringify/)
    })

    test('a process that exits', async () => {
      const { functionError, answer } = await call({ do: 'exit', code: 3 })
      expect({ functionError, type: answer.errorType }).toEqual({
        functionError: 'Unhandled',
        type: 'Runtime.ExitError',
      })
      expect(answer.errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$/)
      expect((await call({ do: 'exit', code: 0 })).answer.errorMessage).toMatch(
        /Runtime exited without providing a reason$/,
      )
    })

    test('a rejection nobody handles, which some runtimes name and others leave to the process', async () => {
      const { functionError, answer } = await call({ do: 'unhandled' })
      expect(functionError).toBe('Unhandled')
      expect(['Runtime.UnhandledPromiseRejection', 'Runtime.ExitError']).toContain(answer.errorType)
    })

    test('a time-out', async () => {
      const { functionError, answer } = await invoke(client, 'conformance-quick', { do: 'sleep', ms: 60_000 })
      expect({ functionError, type: answer.errorType }).toEqual({
        functionError: 'Unhandled',
        type: 'Sandbox.Timedout',
      })
      expect(answer.errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/)
    })

    test('more memory than it has', async () => {
      const { functionError, answer } = await invoke(client, 'conformance-quick', { do: 'allocate', mb: 200 })
      expect(functionError).toBe('Unhandled')
      expect(answer.errorType).toBe('Runtime.OutOfMemory')
      expect(answer.errorMessage).toMatch(/Runtime exited with error: signal: killed$/)
    })
  })

  describe('payload limits', () => {
    const json = (bytes: number) => Buffer.from(`"${'x'.repeat(bytes - 2)}"`)
    const send = (bytes: number, InvocationType: 'RequestResponse' | 'Event') =>
      client.send(new InvokeCommand({ FunctionName: 'conformance-probe', Payload: json(bytes), InvocationType }))
    const tooLarge = { name: 'RequestTooLargeException', $metadata: { httpStatusCode: 413 } }

    test('6 MB go in and come back, one byte more is refused', async () => {
      const { Payload } = await send(6 * 1024 ** 2, 'RequestResponse')
      expect(Payload?.length).toBe(6 * 1024 ** 2)
      await expect(send(6 * 1024 ** 2 + 1, 'RequestResponse')).rejects.toMatchObject(tooLarge)
    })

    test('an answer over 6 MB is a function error, and the environment lives on', async () => {
      const before = (await call({ do: 'count' })).answer
      const { functionError, answer } = await call({ do: 'big', bytes: 6 * 1024 ** 2 + 200 })
      expect(functionError).toBe('Unhandled')
      expect(answer).toEqual({
        errorType: 'Function.ResponseSizeTooLarge',
        errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
      })
      expect((await call({ do: 'count' })).answer.environment).toBe(before.environment)
    })

    test('an asynchronous event may have 1 MB, and not a byte more', async () => {
      expect((await send(1024 ** 2, 'Event')).StatusCode).toBe(202)
      await expect(send(1024 ** 2 + 1, 'Event')).rejects.toMatchObject(tooLarge)
    })
  })

  describe('the log tail', () => {
    test('holds START, what was written, END and REPORT, in this order', async () => {
      const { log } = await withLog({ do: 'log', lines: 2 })
      const id = /START RequestId: (\S+) Version: \$LATEST\n/.exec(log)?.[1]
      const order = [
        `START RequestId: ${id}`,
        'line 0 { of: 2 }',
        'line 1 { of: 2 }',
        `END RequestId: ${id}`,
        `REPORT RequestId: ${id}`,
      ]
      const places = order.map((piece) => log.indexOf(piece))
      expect(places).toEqual([...places].sort((a, b) => a - b))
      expect(places).not.toContain(-1)
      expect(log).toContain('straight to stderr')
      expect(log).toMatch(
        /Duration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\t/,
      )
    })

    test('is its last 4 KB, and absent unless asked for', async () => {
      const { log } = await withLog({ do: 'log', lines: 2000 })
      expect(Buffer.byteLength(log)).toBe(4096)
      expect(log).toContain('line 1999')
      expect((await call({ do: 'log', lines: 1 })).log).toBe('')
    })

    test('tells the init duration of a cold start only, and bills it', async () => {
      let cold = await withLog({ do: 'echo' })
      while (!cold.log.includes('Init Duration')) {
        await call({ do: 'exit', code: 1 }) // one warm environment less
        cold = await withLog({ do: 'echo' })
      }
      const [, duration, billed, init] =
        /\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms.*Init Duration: ([\d.]+) ms/.exec(cold.log) ?? []
      expect(Number(billed)).toBe(Math.ceil(Number(duration) + Number(init)))
      expect((await withLog({ do: 'echo' })).log).not.toContain('Init Duration')
    })
  })

  lambdaControlConformance(() => client)

  test('payloads of any bytes that are JSON strings come back unharmed', async () => {
    const text = randomBytes(100_000).toString('latin1')
    expect((await call({ text })).answer).toEqual({ text })
  })
}

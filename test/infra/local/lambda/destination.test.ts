import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutFunctionEventInvokeConfigCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, test, vi } from 'vitest'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { buildBootstrap, invoke, probe, startLambda } from './support.ts'

const built = buildBootstrap()
afterAll(() => built.remove())

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:failures'
const sendEvent = { InvocationType: 'Event' } as const

async function start(options: object = {}) {
  const records: [string, ReturnType<typeof JSON.parse>][] = []
  const deliver = (arn: string, record: string) => void records.push([arn, JSON.parse(record)])
  const clock = virtualClock()
  const lambda = await startLambda({ bootstrap: built.file, clock, deliver }, [probe('f', { retries: 0, ...options })])
  const told = async () => {
    await vi.waitFor(() => expect(records).toHaveLength(1), { interval: 5, timeout: 15_000 })
    return records[0]?.[1]
  }
  return { lambda, clock, records, told }
}

test('an event that failed for good is told of, with request, response and how often it was tried', async () => {
  const { lambda: started, records, told } = await start({ onFailure: QUEUE })
  await using lambda = started
  await invoke(lambda.client, 'f', { do: 'throw', n: 1 }, sendEvent)
  expect(await told()).toEqual({
    version: '1.0',
    timestamp: '2023-11-14T22:13:20.000Z',
    requestContext: {
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST',
      condition: 'RetriesExhausted',
      approximateInvokeCount: 1,
    },
    requestPayload: { do: 'throw', n: 1 },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: { errorType: 'TypeError', errorMessage: 'thrown at once', trace: expect.any(Array) },
  })
  expect(records[0]?.[0]).toBe(QUEUE)
})

test('one that no environment may run, and one that found no room until it was too old, say so', async () => {
  const stopped = await start({ onFailure: QUEUE, reservedConcurrency: 0 })
  await using first = stopped.lambda
  await invoke(first.client, 'f', { n: 2 }, sendEvent)
  const record = await stopped.told()
  expect(record.requestContext).toMatchObject({ condition: 'ZeroReservedConcurrency', approximateInvokeCount: 0 })
  expect(record).not.toHaveProperty('responsePayload')

  const full = await start({ onFailure: QUEUE, reservedConcurrency: 1, maximumEventAgeMs: 60_000 })
  await using second = full.lambda
  const folder = mkdtempSync(join(tmpdir(), 'millrace-destination-'))
  const until = join(folder, 'over')
  const busy = invoke(second.client, 'f', { do: 'hold', until })
  await vi.waitFor(() => expect(second.service.environments).toBe(1), { interval: 5, timeout: 15_000 })
  await invoke(second.client, 'f', { n: 3 }, sendEvent)
  await full.clock.advance(60_000)
  expect((await full.told()).requestContext).toMatchObject({ condition: 'EventAgeExceeded', approximateInvokeCount: 0 })
  writeFileSync(until, '')
  await busy
  rmSync(folder, { recursive: true })
})

test('a destination is set over the API, is shown, and has to be a queue', async () => {
  const { lambda: started, told } = await start()
  await using lambda = started
  const put = (Destination: string) =>
    lambda.client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: 'f',
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnFailure: { Destination } },
      }),
    )
  expect((await put(QUEUE)).DestinationConfig?.OnFailure).toEqual({ Destination: QUEUE })
  await expect(put('arn:aws:s3:::bucket')).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
  await invoke(lambda.client, 'f', { do: 'exit', code: 1 }, sendEvent)
  expect((await told()).responsePayload).toMatchObject({ errorType: 'Runtime.ExitError' })
})

test('an event that succeeds is not told of', async () => {
  const { lambda: started, records } = await start({ onFailure: QUEUE })
  await using lambda = started
  await invoke(lambda.client, 'f', { do: 'echo' }, sendEvent)
  await vi.waitFor(() => expect(lambda.service.usage().invocations).toBe(1), { interval: 5, timeout: 15_000 })
  await vi.waitFor(() => expect(lambda.service.pendingEvents).toBe(0), { interval: 5, timeout: 15_000 })
  expect(records).toEqual([])
})

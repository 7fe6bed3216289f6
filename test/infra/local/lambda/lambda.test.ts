import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TooManyRequestsException } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { type LogEvent, isLambdaPath, lambdaService } from '../../../../infra/local/lambda/lambda.ts'
import type { FaultPoint } from '../../../../infra/local/lambda/invoke.ts'
import type { InvocationReport } from '../../../../infra/local/lambda/usage.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { begun, buildBootstrap, invoke, probe, startLambda } from './support.ts'

const built = buildBootstrap()
const bootstrap = built.file
const folder = mkdtempSync(join(tmpdir(), 'millrace-lambda-test-'))
afterAll(() => {
  built.remove()
  rmSync(folder, { recursive: true, force: true })
})

const sendEvent = { InvocationType: 'Event' } as const

describe('what it costs', () => {
  test('every execution is reported once, and the counters are the sum of the reports', async () => {
    const reports: InvocationReport[] = []
    await using lambda = await startLambda({ bootstrap, onInvocation: (report) => reports.push(report) }, [
      probe('f'),
      probe('g'),
    ])
    await invoke(lambda.client, 'f', { do: 'echo' })
    await invoke(lambda.client, 'f', { do: 'throw' })
    await invoke(lambda.client, 'g', { do: 'sleep', ms: 20 })

    expect(reports.map(({ functionName, coldStart, status }) => [functionName, coldStart, status])).toEqual([
      ['f', true, 'ok'],
      ['f', false, 'error'],
      ['g', true, 'ok'],
    ])
    for (const { billedMs, durationMs, initMs = 0, gbSeconds, initParts } of reports) {
      expect(billedMs).toBe(Math.ceil(durationMs + initMs))
      expect(gbSeconds).toBeCloseTo((billedMs / 1000) * 0.25, 12)
      const { spawnMs = 0, bootMs = 0, loadMs = 0 } = initParts ?? {}
      expect(spawnMs + bootMs + loadMs).toBeCloseTo(initMs, 6)
    }
    expect(reports[2]?.durationMs).toBeGreaterThanOrEqual(19)
    const billedMs = reports.reduce((sum, report) => sum + report.billedMs, 0)
    expect(lambda.service.usage()).toMatchObject({ invocations: 3, coldStarts: 2, errors: 1, throttles: 0, billedMs })
    expect(lambda.service.usage('g')).toMatchObject({ invocations: 1, coldStarts: 1, errors: 0 })
  })

  test('a time-out is billed at the time-out and a crash at the time until it', async () => {
    const reports: InvocationReport[] = []
    const options = { bootstrap, onInvocation: (report: InvocationReport) => reports.push(report) }
    await using lambda = await startLambda(options, [probe('f', { timeoutMs: 1000 })])
    await invoke(lambda.client, 'f', { do: 'spin' })
    await invoke(lambda.client, 'f', { do: 'exit', code: 7 })
    expect(reports[0]).toMatchObject({ status: 'timeout', errorType: 'Sandbox.Timedout', durationMs: 1000 })
    expect(reports[1]).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError' })
    expect(reports[1]?.durationMs).toBeLessThan(1000)
  })
})

test('the account has one concurrency for all functions without a reservation', async () => {
  await using lambda = await startLambda({ bootstrap, accountConcurrency: 3 }, [
    probe('f'),
    probe('g', { reservedConcurrency: 2 }),
  ])
  const marker = join(folder, 'account')
  const running = invoke(lambda.client, 'f', { do: 'hold', until: `${marker}-over`, marker })
  await vi.waitFor(() => expect(begun(marker)).toBe(1), { interval: 5, timeout: 15_000 })
  await expect(invoke(lambda.client, 'f', {})).rejects.toMatchObject({ Reason: 'ConcurrentInvocationLimitExceeded' })
  expect((await invoke(lambda.client, 'g', 1)).answer).toBe(1)
  writeFileSync(`${marker}-over`, '')
  await running
})

test('the log sink gets every line with the function, environment and request it belongs to', async () => {
  const lines: LogEvent[] = []
  await using lambda = await startLambda({ bootstrap, onLog: (event) => lines.push(event) }, [probe('f')])
  await invoke(lambda.client, 'f', {})
  lines.length = 0
  await invoke(lambda.client, 'f', { do: 'log', lines: 1 })
  const text = lines.map((line) => line.text).join('')
  expect(text).toMatch(/^START RequestId: .*\n.*\tINFO\tline 0 { of: 1 }\n[^]*END RequestId: .*\nREPORT RequestId: /)
  const requestId = /^START RequestId: (\S+)/.exec(text)?.[1]
  expect(lines.map((line) => [line.functionName, line.requestId])).toEqual(lines.map(() => ['f', requestId]))
})

test('a log far larger than a pipe is complete when the answer comes', async () => {
  await using lambda = await startLambda({ bootstrap }, [probe('f')])
  const { log } = await invoke(lambda.client, 'f', { do: 'log', lines: 30_000 }, { LogType: 'Tail' })
  expect(log).toContain('line 29999 ')
  expect(log.indexOf('REPORT RequestId')).toBeGreaterThan(log.indexOf('line 29999 '))
})

describe('faults on demand', () => {
  test.each([
    ['crash', 'Runtime.ExitError'],
    ['timeout', 'Sandbox.Timedout'],
    ['outOfMemory', 'Runtime.OutOfMemory'],
  ] as const)(
    'an invocation ends as by a %s at the moment that is asked for, and is billed until then',
    async (as, type) => {
      const reports: InvocationReport[] = []
      const end = new AbortController()
      const faults = () => ({ kill: end.signal, as })
      const options = { bootstrap, faults, onInvocation: (report: InvocationReport) => reports.push(report) }
      await using lambda = await startLambda(options, [probe('f', { timeoutMs: 60_000 })])
      const running = invoke(lambda.client, 'f', { do: 'sleep', ms: 30_000 })
      await vi.waitFor(() => expect(lambda.service.environments).toBe(1), { interval: 5, timeout: 15_000 })
      end.abort()
      const { functionError, answer } = await running
      expect(functionError).toBe('Unhandled')
      expect(answer).toMatchObject({ errorType: type })
      expect(reports[0]).toMatchObject({ errorType: type })
      expect(reports[0]?.durationMs).toBeLessThan(30_000)
      expect(lambda.service.environments).toBe(0)
    },
  )

  test("an environment's wall clock is wrong where that is asked for, and right else", async () => {
    for (const skewMs of [0, -90_000, 90_000]) {
      await using lambda = await startLambda({ bootstrap, clockSkewMs: () => skewMs }, [probe('f')])
      const from = Date.now()
      const { answer } = await invoke(lambda.client, 'f', { do: 'now' })
      const until = Date.now()
      const { now, made } = answer as { now: number; made: number }
      expect(answer).toMatchObject({ given: 5, is: true })
      for (const at of [now, made]) expect(at - skewMs).toSatisfy((ms: number) => ms >= from && ms <= until)
    }
  })

  test('a crash is a real one: the handler had begun, and the next invocation starts cold', async () => {
    const points: FaultPoint[] = []
    const faults = (point: FaultPoint) => (points.push(point) === 1 ? ({ crashAfterMs: 150 } as const) : undefined)
    await using lambda = await startLambda({ bootstrap, faults }, [probe('f')])
    const marker = join(folder, 'crash')
    const { answer } = await invoke(lambda.client, 'f', { do: 'sleep', ms: 5000, marker })
    expect(answer.errorMessage).toMatch(/Runtime exited with error: signal: killed$/)
    expect(begun(marker)).toBe(1)
    expect((await invoke(lambda.client, 'f', 1)).answer).toBe(1)
    expect(lambda.service.usage()).toMatchObject({ invocations: 2, coldStarts: 2, errors: 1 })
    expect(points.map(({ functionName, attempt }) => [functionName, attempt])).toEqual([
      ['f', 0],
      ['f', 0],
    ])
  })

  test('a throttle is seen by the caller, of an asynchronous invocation too', async () => {
    await using lambda = await startLambda({ bootstrap, faults: () => 'throttle' }, [probe('f')])
    await expect(invoke(lambda.client, 'f', {})).rejects.toBeInstanceOf(TooManyRequestsException)
    await expect(invoke(lambda.client, 'f', {}, sendEvent)).rejects.toBeInstanceOf(TooManyRequestsException)
    expect(lambda.service.usage()).toMatchObject({ invocations: 0, throttles: 2 })
  })

  test('a delay holds the attempt back by that much', async () => {
    const clock = virtualClock()
    await using lambda = await startLambda({ bootstrap, clock, faults: () => ({ delayMs: 5000 }) }, [probe('f')])
    const answer = invoke(lambda.client, 'f', 1)
    await vi.waitFor(() => expect(clock.sleeping).toBe(1), { interval: 5, timeout: 15_000 })
    await clock.advance(4999)
    expect(lambda.service.environments).toBe(0)
    await clock.advance(1)
    expect((await answer).answer).toBe(1)
  })
})

describe('a declaration that Lambda would refuse is refused with the field named', () => {
  test.each([
    ['name', { name: 'no spaces' }],
    ['file', { file: 'relative.mjs' }],
    ['file', { file: '/two.dots.mjs' }],
    ['memoryMb', { memoryMb: 64 }],
    ['timeoutMs', { timeoutMs: 900_001 }],
    ['reservedConcurrency', { reservedConcurrency: -1 }],
    ['retries', { retries: 3 }],
  ])('%s: %o', (field, wrong) => {
    const service = lambdaService({ bootstrap })
    const declare = () => service.create(probe('f', wrong))
    expect(declare).toThrow(
      expect.objectContaining({ code: 'E_FUNCTION', message: expect.stringMatching(`^${field} `) }),
    )
  })

  test('and so is a runtime that is not there', () => {
    const start = () => lambdaService({ bootstrap: join(folder, 'absent.mjs') })
    expect(start).toThrow(expect.objectContaining({ code: 'E_FUNCTION' }))
  })
})

test('its paths are told from those of other services', () => {
  expect(isLambdaPath('/2015-03-31/functions/f/invocations')).toBe(true)
  expect(isLambdaPath('/2015-03-31/functions?MaxItems=2')).toBe(true)
  expect(isLambdaPath('/bucket/2015-03-31/functions/')).toBe(false)
})

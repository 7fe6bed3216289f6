import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TooManyRequestsException } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { type LogEvent, isLambdaPath, lambdaService } from '../../../../infra/local/lambda.ts'
import type { FaultPoint } from '../../../../infra/local/lambdaInvoke.ts'
import type { InvocationReport } from '../../../../infra/local/lambdaUsage.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { buildBootstrap, handlerFile, invoke, isRunning, probe, startLambda } from './support.ts'

const built = buildBootstrap()
const bootstrap = built.file
const folder = mkdtempSync(join(tmpdir(), 'millrace-lambda-test-'))
afterAll(() => {
  built.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** How often a handler began, by the file that it marks. */
const begun = (marker: string): number => {
  try {
    return readFileSync(marker, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
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
    await using lambda = await startLambda(options, [probe('f', { timeoutMs: 200 })])
    await invoke(lambda.client, 'f', { do: 'spin' })
    await invoke(lambda.client, 'f', { do: 'exit', code: 7 })
    expect(reports[0]).toMatchObject({ status: 'timeout', errorType: 'Sandbox.Timedout', durationMs: 200 })
    expect(reports[1]).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError' })
    expect(reports[1]?.durationMs).toBeLessThan(200)
  })
})

describe('environments', () => {
  test('see what Lambda sets and what the function declares, and nothing of this process', async () => {
    vi.stubEnv('PROBE_INHERITED', 'leaked')
    await using lambda = await startLambda({ bootstrap }, [probe('f', { environment: { PROBE: 'declared' } })])
    const { answer } = await invoke(lambda.client, 'f', { do: 'context' })
    vi.unstubAllEnvs()
    expect(answer).toMatchObject({ variable: 'declared', logGroupName: '/aws/lambda/f' })
    expect(answer).not.toHaveProperty('inherited')
  })

  test('end when they were idle for long enough, the longest idle first, and none before', async () => {
    const clock = virtualClock()
    await using lambda = await startLambda({ bootstrap, clock, idleMs: 60_000 }, [probe('f'), probe('g')])
    await invoke(lambda.client, 'f', {})
    await clock.advance(40_000)
    await invoke(lambda.client, 'g', {})
    await clock.advance(19_999)
    expect(lambda.service.environments).toBe(2)
    await clock.advance(1)
    await vi.waitFor(() => expect(lambda.service.environments).toBe(1), { interval: 5 })
    await invoke(lambda.client, 'g', {}) // starts its time anew
    await clock.advance(59_999)
    expect(lambda.service.environments).toBe(1)
    await clock.advance(1)
    await vi.waitFor(() => expect(lambda.service.environments).toBe(0), { interval: 5 })
    expect(clock.sleeping).toBe(0)
    expect(lambda.service.usage()).toMatchObject({ invocations: 3, coldStarts: 2 })
  })

  test('never number more than maxProcesses: an idle one of another function makes room, working ones do not', async () => {
    await using lambda = await startLambda({ bootstrap, maxProcesses: 1 }, [probe('f'), probe('g')])
    await invoke(lambda.client, 'f', {})
    expect((await invoke(lambda.client, 'g', { do: 'echo' })).status).toBe(200)
    const running = invoke(lambda.client, 'g', { do: 'sleep', ms: 300 })
    await vi.waitFor(() => expect(lambda.service.usage('g').invocations).toBe(1), { interval: 5 })
    const refused = await invoke(lambda.client, 'f', {}).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'TooManyRequestsException', Reason: 'ConcurrentInvocationLimitExceeded' })
    expect((await running).functionError).toBeUndefined()
    expect(lambda.service.usage('f').throttles).toBe(1)
  })

  test('take with them what their handlers started', async () => {
    await using lambda = await startLambda({ bootstrap }, [probe('f')])
    const pid = Number((await invoke(lambda.client, 'f', { do: 'startChild' })).answer)
    expect(isRunning(pid)).toBe(true)
    await invoke(lambda.client, 'f', { do: 'exit', code: 1 })
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 5 })
  })

  test('stay within maxProcesses under a burst: every call is answered or throttled, by the right environment', async () => {
    await using lambda = await startLambda({ bootstrap, maxProcesses: 3 }, [probe('f')])
    const calls = Array.from({ length: 24 }, (_, n) => invoke(lambda.client, 'f', { do: 'echo', n }))
    const results = await Promise.allSettled(calls)
    expect(lambda.service.environments).toBeLessThanOrEqual(3)
    const answered = results
      .map((result, n) => [result, n] as const)
      .filter(([result]) => result.status === 'fulfilled')
    for (const [result, n] of answered) expect(result).toMatchObject({ value: { answer: { do: 'echo', n } } })
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    for (const reason of refused) expect(reason).toBeInstanceOf(TooManyRequestsException)
    expect(lambda.service.usage()).toMatchObject({ invocations: answered.length, throttles: refused.length, errors: 0 })
    expect(answered.length).toBeGreaterThanOrEqual(3)
  })

  test('end when the service closes, idle, working and deaf to SIGTERM alike, and a waiting caller is told', async () => {
    const lambda = await startLambda({ bootstrap }, [probe('f'), probe('g'), probe('h')])
    const { answer } = await invoke(lambda.client, 'g', { do: 'count' })
    const idlePid = Number(answer.environment.split('-')[0])
    const marker = join(folder, 'closing')
    const waiting = [
      invoke(lambda.client, 'f', { do: 'spin', marker }),
      invoke(lambda.client, 'h', { do: 'stubborn', marker }),
    ]
    await vi.waitFor(() => expect(begun(marker)).toBe(2), { interval: 5 })
    await lambda.service.close()
    expect(lambda.service.environments).toBe(0)
    expect(isRunning(idlePid)).toBe(false)
    for (const { answer: told } of await Promise.all(waiting)) expect(told.errorType).toBe('Runtime.ExitError')
    await lambda[Symbol.asyncDispose]()
  })
})

test('a rejection nobody handles is named, and ends the environment', async () => {
  await using lambda = await startLambda({ bootstrap }, [probe('f')])
  const { answer } = await invoke(lambda.client, 'f', { do: 'unhandled' })
  expect(answer).toMatchObject({
    errorType: 'Runtime.UnhandledPromiseRejection',
    errorMessage: 'Error: nobody listens',
  })
  expect(lambda.service.environments).toBe(0)
})

describe('a function that cannot start', () => {
  test.each([
    ['throws while it loads', { file: handlerFile('broken') }, 'Error', /^no such luck$/],
    ['is not there', { file: handlerFile('absent') }, 'Runtime.ImportModuleError', /Cannot find module/],
    [
      'has no such export',
      { exportName: 'nothing' },
      'Runtime.HandlerNotFound',
      /^probe\.nothing is undefined or not exported$/,
    ],
    ['takes too long', { file: handlerFile('slowStart') }, 'Sandbox.Timedout', /Task timed out after 0\.30 seconds$/],
  ])('because it %s fails its invocations with the reason', async (_why, declared, errorType, message) => {
    await using lambda = await startLambda({ bootstrap, initTimeoutMs: 300 }, [probe('f', declared)])
    const { functionError, answer } = await invoke(lambda.client, 'f', {})
    expect(functionError).toBe('Unhandled')
    expect(answer).toMatchObject({ errorType, errorMessage: expect.stringMatching(message) })
    expect(lambda.service.environments).toBe(0)
  })
})

describe('asynchronous events', () => {
  test('that fail are tried again after one minute and after two more, then dropped', async () => {
    const clock = virtualClock()
    const attempts: number[] = []
    const options = { bootstrap, clock, onInvocation: ({ attempt }: InvocationReport) => attempts.push(attempt) }
    await using lambda = await startLambda(options, [probe('f')])
    const settled = async (n: number) => {
      await vi.waitFor(() => expect(attempts).toHaveLength(n), { interval: 5 })
      await clock.advance(0)
    }
    await invoke(lambda.client, 'f', { do: 'throw' }, sendEvent)
    await settled(1)
    await clock.advance(59_999)
    expect(attempts).toEqual([0])
    await clock.advance(1)
    await settled(2)
    await clock.advance(119_999)
    expect(attempts).toEqual([0, 1])
    await clock.advance(1)
    await settled(3)
    expect(attempts).toEqual([0, 1, 2])
    expect(lambda.service.pendingEvents).toBe(0)
    expect(lambda.service.usage()).toMatchObject({ invocations: 3, errors: 3, eventsDropped: 1 })
  })

  test('of a function with no retries get one attempt', async () => {
    await using lambda = await startLambda({ bootstrap, clock: virtualClock() }, [probe('f', { retries: 0 })])
    await invoke(lambda.client, 'f', { do: 'throw' }, sendEvent)
    await vi.waitFor(() => expect(lambda.service.pendingEvents).toBe(0), { interval: 5 })
    expect(lambda.service.usage()).toMatchObject({ invocations: 1, eventsDropped: 1 })
  })

  test('that are throttled wait 1 s, 2 s, 4 s … and run when there is room; it costs them no retry', async () => {
    const clock = virtualClock()
    await using lambda = await startLambda({ bootstrap, clock }, [probe('f', { reservedConcurrency: 1, retries: 0 })])
    const long = join(folder, 'long')
    const late = join(folder, 'late')
    const first = invoke(lambda.client, 'f', { do: 'sleep', ms: 500, marker: long })
    await vi.waitFor(() => expect(begun(long)).toBe(1), { interval: 5 })
    await invoke(lambda.client, 'f', { do: 'echo', marker: late }, sendEvent)
    await clock.advance(3000) // attempts at 0, 1 and 3 s find no room
    expect(lambda.service.usage().throttles).toBe(3)
    await first
    await clock.advance(3999)
    expect(begun(late)).toBe(0)
    await clock.advance(1)
    await vi.waitFor(() => expect(lambda.service.pendingEvents).toBe(0), { interval: 5 })
    expect(begun(late)).toBe(1)
    expect(lambda.service.usage()).toMatchObject({ invocations: 2, errors: 0, throttles: 3, eventsDropped: 0 })
  })

  test('past their maximum age are dropped', async () => {
    const clock = virtualClock()
    const declared = probe('f', { maximumEventAgeMs: 2000 })
    await using lambda = await startLambda({ bootstrap, clock, accountConcurrency: 0 }, [declared])
    await invoke(lambda.client, 'f', {}, sendEvent)
    await clock.advance(1000) // throttled at 0 and 1 s; the next attempt, at 3 s, would be too late
    expect(lambda.service.pendingEvents).toBe(0)
    expect(lambda.service.usage()).toMatchObject({ invocations: 0, throttles: 2, eventsDropped: 1 })
  })

  test('of a function that was stopped with a concurrency of 0 are dropped at once', async () => {
    await using lambda = await startLambda({ bootstrap }, [probe('f', { reservedConcurrency: 0 })])
    await invoke(lambda.client, 'f', {}, sendEvent)
    await vi.waitFor(() => expect(lambda.service.usage().eventsDropped).toBe(1), { interval: 5 })
  })
})

test('the account has one concurrency for all functions without a reservation', async () => {
  await using lambda = await startLambda({ bootstrap, accountConcurrency: 3 }, [
    probe('f'),
    probe('g', { reservedConcurrency: 2 }),
  ])
  const marker = join(folder, 'account')
  const running = invoke(lambda.client, 'f', { do: 'sleep', ms: 300, marker })
  await vi.waitFor(() => expect(begun(marker)).toBe(1), { interval: 5 })
  await expect(invoke(lambda.client, 'f', {})).rejects.toMatchObject({ Reason: 'ConcurrentInvocationLimitExceeded' })
  expect((await invoke(lambda.client, 'g', 1)).answer).toBe(1)
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

describe('faults on demand', () => {
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
    await vi.waitFor(() => expect(clock.sleeping).toBe(1), { interval: 5 })
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
  expect(isLambdaPath('/2015-03-31/functions')).toBe(true)
  expect(isLambdaPath('/bucket/2015-03-31/functions/')).toBe(false)
})

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TooManyRequestsException } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { begun, buildBootstrap, handlerFile, invoke, isRunning, probe, startLambda } from './support.ts'

const built = buildBootstrap()
const bootstrap = built.file
const folder = mkdtempSync(join(tmpdir(), 'millrace-lambda-test-'))
afterAll(() => {
  built.remove()
  rmSync(folder, { recursive: true, force: true })
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
    const marker = join(folder, 'room')
    const running = invoke(lambda.client, 'g', { do: 'sleep', ms: 300, marker })
    await vi.waitFor(() => expect(begun(marker)).toBe(1), { interval: 5 })
    const refused = await invoke(lambda.client, 'f', {}).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'TooManyRequestsException', Reason: 'ConcurrentInvocationLimitExceeded' })
    expect((await running).functionError).toBeUndefined()
    expect(lambda.service.usage('f').throttles).toBe(1)
  })

  test('are told to end before they are killed, also where they only make room', async () => {
    const clock = virtualClock()
    await using lambda = await startLambda({ bootstrap, clock, idleMs: 60_000, maxProcesses: 1 }, [
      probe('f'),
      probe('g'),
    ])
    const words = join(folder, 'words')
    await invoke(lambda.client, 'f', { do: 'lastWords', words })
    await invoke(lambda.client, 'g', { do: 'lastWords', words })
    await vi.waitFor(() => expect(begun(words)).toBe(1), { interval: 5 })
    await clock.advance(60_000)
    await vi.waitFor(() => expect(begun(words)).toBe(2), { interval: 5 })
  })

  test('take with them what their handlers started', async () => {
    await using lambda = await startLambda({ bootstrap }, [probe('f')])
    const pid = Number((await invoke(lambda.client, 'f', { do: 'startChild' })).answer)
    expect(isRunning(pid)).toBe(true)
    await invoke(lambda.client, 'f', { do: 'exit', code: 1 })
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 5 })
  })

  test.runIf(existsSync('/proc/self/environ'))(
    'leave nothing at the end, not even what was started in a group of its own, and end nobody else',
    async () => {
      await using other = await startLambda({ bootstrap }, [probe('f')])
      const start = async ({ client }: typeof other) =>
        Number((await invoke(client, 'f', { do: 'startChild', detached: true })).answer)
      const others = await start(other)
      const lambda = await startLambda({ bootstrap }, [probe('f')])
      const pid = await start(lambda)
      await lambda[Symbol.asyncDispose]()
      await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 5, timeout: 10_000 })
      expect(isRunning(others)).toBe(true)
    },
  )

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
  ])('because it %s fails its invocations with the reason', async (why, declared, errorType, message) => {
    const limit = why === 'takes too long' ? { initTimeoutMs: 300 } : {}
    await using lambda = await startLambda({ bootstrap, ...limit }, [probe('f', declared)])
    const { functionError, answer } = await invoke(lambda.client, 'f', {})
    expect(functionError).toBe('Unhandled')
    expect(answer).toMatchObject({ errorType, errorMessage: expect.stringMatching(message) })
    expect(lambda.service.environments).toBe(0)
  })
})

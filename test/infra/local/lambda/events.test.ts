import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
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

describe('asynchronous events', () => {
  test('that fail are tried again after one minute and after two more, then dropped', async () => {
    const clock = virtualClock()
    const attempts: number[] = []
    const options = { bootstrap, clock, onInvocation: ({ attempt }: InvocationReport) => attempts.push(attempt) }
    await using lambda = await startLambda(options, [probe('f')])
    const settled = async (n: number) => {
      await vi.waitFor(() => expect(attempts).toHaveLength(n), { interval: 5, timeout: 15_000 })
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
    await vi.waitFor(() => expect(lambda.service.pendingEvents).toBe(0), { interval: 5, timeout: 15_000 })
    expect(lambda.service.usage()).toMatchObject({ invocations: 1, eventsDropped: 1 })
  })

  test('that are throttled wait 1 s, 2 s, 4 s … and run when there is room; it costs them no retry', async () => {
    const clock = virtualClock()
    await using lambda = await startLambda({ bootstrap, clock }, [probe('f', { reservedConcurrency: 1, retries: 0 })])
    const long = join(folder, 'long')
    const late = join(folder, 'late')
    const first = invoke(lambda.client, 'f', { do: 'hold', until: `${long}-over`, marker: long })
    await vi.waitFor(() => expect(begun(long)).toBe(1), { interval: 5, timeout: 15_000 })
    await invoke(lambda.client, 'f', { do: 'echo', marker: late }, sendEvent)
    await clock.advance(3000) // attempts at 0, 1 and 3 s find no room
    expect(lambda.service.usage().throttles).toBe(3)
    writeFileSync(`${long}-over`, '')
    await first
    await clock.advance(3999)
    expect(begun(late)).toBe(0)
    await clock.advance(1)
    await vi.waitFor(() => expect(lambda.service.pendingEvents).toBe(0), { interval: 5, timeout: 15_000 })
    expect(begun(late)).toBe(1)
    expect(lambda.service.usage()).toMatchObject({ invocations: 2, errors: 0, throttles: 3, eventsDropped: 0 })
  })

  test('past their maximum age are dropped, and it is told', async () => {
    const dropped: unknown[] = []
    const onEventDropped = (event: unknown) => void dropped.push(event)
    const clock = virtualClock()
    const declared = probe('f', { maximumEventAgeMs: 2000 })
    await using lambda = await startLambda({ bootstrap, clock, accountConcurrency: 0, onEventDropped }, [declared])
    await invoke(lambda.client, 'f', {}, sendEvent)
    await clock.advance(1000) // throttled at 0 and 1 s; the next attempt, at 3 s, would be too late
    expect(lambda.service.pendingEvents).toBe(0)
    expect(lambda.service.usage()).toMatchObject({ invocations: 0, throttles: 2, eventsDropped: 1 })
    expect(dropped).toEqual([{ requestId: expect.any(String), condition: 'EventAgeExceeded', invocations: 0 }])
  })

  test('of a function that was stopped with a concurrency of 0 are dropped at once', async () => {
    await using lambda = await startLambda({ bootstrap }, [probe('f', { reservedConcurrency: 0 })])
    await invoke(lambda.client, 'f', {}, sendEvent)
    await vi.waitFor(() => expect(lambda.service.usage().eventsDropped).toBe(1), { interval: 5, timeout: 15_000 })
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import { experiment } from '../../../learner/experiment.ts'
import type { RunCloud } from '../../../learner/run/cloud.ts'
import { train } from '../../../learner/run/service.ts'
import { parseManifest } from '../../../shared/protocol/manifest.ts'

const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const
beforeEach(() => void vi.useFakeTimers({ toFake: [...TIMERS] }))
afterEach(() => void vi.useRealTimers())

const RUN = 'run'
const cartpole = experiment({
  env: 'CartPole-v1',
  algorithm: impala({ hidden: [8] }),
  budget: { usd: 60 },
})

/** A cloud whose functions hang as soon as they are started. The learner's machine costs a dollar a second. */
function hangingCloud(changes: Partial<RunCloud> = {}) {
  const cloud = serialCloud()
  const stops: boolean[] = []
  let invoked = 0
  const hanging: RunCloud = {
    ...cloud,
    learnerHourUsd: 3_600,
    invoker: {
      async invoke() {
        invoked++
        return { kind: 'accepted' }
      },
    },
    store: {
      ...cloud.store,
      put(key, body, condition) {
        if (key.endsWith('/manifest.json')) stops.push(parseManifest(body).stop)
        return cloud.store.put(key, body, condition)
      },
    },
    ...changes,
  }
  return { cloud: hanging, stops, invoked: () => invoked }
}

/** Lets time pass until the promise has settled. @returns how it did, and how many seconds that took at most */
async function passing<T>(promise: Promise<T>) {
  const settled: { value?: T; error?: unknown } = {}
  let open = true
  promise.then(
    (value) => ((settled.value = value), (open = false)),
    (error: unknown) => ((settled.error = error), (open = false)),
  )
  let seconds = 0
  for (; open && seconds < 3_000; seconds++) {
    await vi.advanceTimersByTimeAsync(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { ...settled, seconds }
}

test('a budget that is spent while every function hangs ends the run, tells them to stop, and gives the first policy', async () => {
  const { cloud, stops } = hangingCloud()
  const { value, error, seconds } = await passing(train(cartpole, { run: RUN, cloud }))
  expect(error).toBeUndefined()
  expect(value?.summary.reason).toBe('budget')
  expect(value?.summary.progress.updates).toBe(0)
  expect(value?.policy.byteLength).toBeGreaterThan(0)
  expect(seconds).toBeGreaterThanOrEqual(60)
  expect(seconds).toBeLessThanOrEqual(63)
  expect(stops.at(-1)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

test('functions that hang end a run without a budget, too', async () => {
  const { cloud, invoked } = hangingCloud()
  const { budget: _, ...endless } = cartpole
  const { error } = await passing(train(endless, { run: RUN, cloud }))
  expect(error).toMatchObject({ code: 'E_ROLLOUT', message: expect.stringContaining('hang in step or reset') })
  expect(invoked()).toBe(6)
  expect(vi.getTimerCount()).toBe(0)
})

test('whoever was first is why a run ended: the budget, or the signal', async () => {
  const user = new AbortController()
  const late = hangingCloud()
  const stopping: RunCloud['store'] = {
    ...late.cloud.store,
    put(key, body, condition) {
      if (parseManifest(body).stop) user.abort()
      return late.cloud.store.put(key, body, condition)
    },
  }
  const budget = await passing(
    train(cartpole, { run: RUN, cloud: { ...late.cloud, store: stopping }, signal: user.signal }),
  )
  expect(user.signal.aborted).toBe(true)
  expect(budget.value?.summary.reason).toBe('budget')
  const asked = AbortSignal.abort()
  const { value } = await passing(train(cartpole, { run: RUN, cloud: hangingCloud().cloud, signal: asked }))
  expect(value?.summary.reason).toBe('interrupted')
})

test('a train worker that hangs does not keep a run going whose budget is spent: it fails five minutes later', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-hang-'))
  const trainWorker = join(folder, 'worker.mjs')
  // Not for ever, so that the test's own process can end.
  await writeFile(trainWorker, 'setTimeout(() => {}, 10_000)')
  try {
    const { cloud } = hangingCloud({ trainWorker })
    const { error, seconds } = await passing(train(cartpole, { run: RUN, cloud }))
    expect(error).toMatchObject({
      code: 'E_ENGINE',
      message: expect.stringMatching(/the run was over \(budget\).*hangs/),
    })
    expect(seconds).toBeGreaterThan(355)
    expect(seconds).toBeLessThanOrEqual(363)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a plan that fails leaves no timer of its goal behind', async () => {
  const { cloud } = hangingCloud()
  const refusing = { ...cloud, invoker: { invoke: () => Promise.reject(new Error('no such function')) } }
  const limited = { ...cartpole, stop: { seconds: 10_000 } }
  const { error } = await passing(train(limited, { run: RUN, cloud: refusing }))
  expect(error).toMatchObject({ message: expect.stringContaining('no such function') })
  expect(vi.getTimerCount()).toBe(0)
})

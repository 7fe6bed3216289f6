import { describe, expect, test } from 'vitest'
import { type StopOptions, stopCommand } from '../../../cli/commands/stop.ts'
import { StopRequest } from '../../../learner/stage/records.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import type { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { encodeManifest, parseManifest } from '../../../shared/protocol/manifest.ts'
import { FakeHost } from '../fakeHost.ts'
import { type FakeStage, START, fakeStage, runningStatus } from './fakeStage.ts'
import { endAtLearner } from './results.ts'

function start(stage: FakeStage, options: Partial<StopOptions> = {}) {
  const host = new FakeHost('/work')
  const parts = { openStage: stage.open, clock: stage.clock, by: 'ada on laptop' }
  const done = stopCommand({ stage: 'demo', now: false, ...options }, host, parts).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error: error as MillraceError }),
  )
  const outcome = async () => {
    const result = await done
    expect(host.openHandles).toBe(0)
    expect(stage.clock.sleeping).toBe(0)
    return { ...result, lines: host.out.text.split('\n').slice(0, -1) }
  }
  return { host, outcome, advance: (ms: number) => stage.clock.advance(ms) }
}

const manifest = (run: string) => ({
  format: 1 as const,
  run,
  policy: { version: 3, key: 'policies/3.onnx', sha256: '0'.repeat(64) },
  consumed: [1],
  heartbeatUntil: START + 15_000,
  stop: false,
})
const stopFlag = (stage: FakeStage, run: string) =>
  parseManifest(stage.store.objects.get(keys.manifest(run))?.body ?? new Uint8Array()).stop

/** A run with its learner, as far as the bucket shows. */
async function running(stage: FakeStage, run: string, attempt = 1) {
  const status = runningStatus(run, 5, { attempt })
  await stage.asked(run, status)
  await stage.store.put(keys.manifest(attempt === 1 ? run : `${run}.${attempt}`), encodeManifest(manifest(run)))
  stage.state.desired = 1
  stage.state.running = 1
}

describe('millrace stop', () => {
  test('asks the learner, waits until it ended the run, sees the functions told, and sends the machine away', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a' })
    const { advance, outcome } = start(stage, { run: 'a' })
    await advance(3_000)
    const wish = stage.store.objects.get(keys.stop('a'))
    expect(StopRequest.parse(JSON.parse(Buffer.from(wish?.body ?? []).toString()))).toMatchObject({
      by: 'ada on laptop',
    })
    await endAtLearner(stage, 'a', { reason: 'interrupted' })
    await advance(2_000)
    const { exitCode, lines } = await outcome()
    expect(exitCode).toBe(0)
    expect(lines).toEqual([
      'asked the learner on gpu-1 to end run a',
      'run a ended after 40 updates; its functions were told to stop',
      'learner: its machine was told to end',
    ])
    expect(stopFlag(stage, 'a')).toBe(true)
    expect(stage.calls).toEqual(['group 0'])
    expect(stage.status('a').summary?.reason).toBe('interrupted')
  })

  test.each([
    ['no learner lives', false],
    ['--now, whether or not one lives', true],
  ])('%s: it ends run, functions and machine in its place', async (_, now) => {
    const stage = fakeStage()
    await running(stage, 'a', 3)
    if (now) await stage.claim({ run: 'a' })
    const { advance, outcome } = start(stage, { now })
    await advance(16_000)
    const { exitCode, lines } = await outcome()
    expect(exitCode).toBe(0)
    expect(lines).toEqual([
      ...(now ? [] : ['no learner is up; ending run a in its place']),
      'told the functions of run a to stop: each ends with its fragment',
      'functions: none can start until the next run',
      'learner: its machine was told to end',
      'run a ended after 5 updates',
    ])
    expect(stopFlag(stage, 'a.3')).toBe(true)
    expect(stage.status('a')).toMatchObject({
      state: 'ended',
      summary: { reason: 'interrupted', progress: { updates: 5 } },
    })
    expect(stage.has(keys.request('a'))).toBe(false)
    expect(stage.calls).toEqual(['concurrency 0', 'group 0'])
  })

  test('a learner that does not end the run within a minute is done without', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a', heartbeatUntil: START + 600_000 })
    const { advance, outcome } = start(stage)
    await advance(92_000)
    const { lines } = await outcome()
    expect(lines[1]).toBe('the learner has not ended run a within 60 s; ending it in its place')
    expect(stage.status('a').state).toBe('ended')
    expect(stage.state).toMatchObject({ desired: 0, limit: 0 })
  })

  test('the last word of a learner that has to end, that the next one goes on, does not bring a stopped run back', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a' })
    const { advance, outcome } = start(stage, { now: true })
    await advance(1_000)
    expect(stage.status('a').state).toBe('running')
    expect(stage.calls).toEqual(['concurrency 0', 'group 0'])
    await stage.writeStatus(runningStatus('a', 6, { state: 'waiting' }))
    await stage.claim({ heartbeatUntil: stage.clock.now() })
    await advance(2_000)
    expect((await outcome()).exitCode).toBe(0)
    expect(stage.status('a')).toMatchObject({
      state: 'ended',
      summary: { reason: 'interrupted', progress: { updates: 6 } },
    })
  })

  test('--now waits a moment for what a learner that is up makes of the run, and leaves that as it is', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a', heartbeatUntil: START + 600_000 })
    const { advance, outcome } = start(stage, { now: true })
    await advance(1_500)
    const { progress } = runningStatus('a', 7)
    const summary = progress && { run: 'a', reason: 'interrupted' as const, progress, curve: [], costByPart: { s3: 1 } }
    await stage.writeStatus(runningStatus('a', 7, { state: 'ended', summary }))
    await advance(2_000)
    expect((await outcome()).lines.at(-1)).toBe('run a ended after 7 updates')
    expect(stage.status('a').summary?.costByPart).toEqual({ s3: 1 })
    expect(stage.has(keys.request('a'))).toBe(false)
  })

  test('twice is the same as once, also while nothing runs', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await start(stage).outcome()
    const objects = new Map([...stage.store.objects].map(([key, { etag }]) => [key, etag]))
    const again = await start(stage, { run: 'a' }).outcome()
    expect(again.lines).toEqual(['run a is over already (ended)', 'learner: no machine is asked for'])
    expect(new Map([...stage.store.objects].map(([key, { etag }]) => [key, etag]))).toEqual(objects)
    expect((await start(stage).outcome()).lines[0]).toBe('no run is waiting or running on stage demo')
  })

  test('a run that waits behind another is taken back; the other goes on, and so do functions and machine', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a' })
    await stage.clock.advance(1_000)
    await stage.asked('b')
    const { lines } = await start(stage, { run: 'b', now: true }).outcome()
    expect(lines).toEqual(['took run b back: no learner was at it', 'run a still waits for the learner'])
    expect(stage.status('b').state).toBe('ended')
    expect(stage.has(keys.request('b'))).toBe(false)
    expect(stage.has(keys.request('a'))).toBe(true)
    expect(stage.calls).toEqual([])
  })

  test('one between two learners is left to a learner that is free, which makes its policy of the checkpoint', async () => {
    const between = { state: 'waiting', checkpoint: { key: 'c', updates: 4, at: START } } as const
    const stage = fakeStage()
    await stage.asked('a', runningStatus('a', 5, between))
    await stage.claim({ learner: 'l-2', host: 'gpu-2' })
    const { advance, outcome } = start(stage, { run: 'a' })
    await advance(1_000)
    expect(stage.status('a').state).toBe('waiting')
    await endAtLearner(stage, 'a', { reason: 'interrupted' })
    await advance(1_000)
    expect((await outcome()).lines[0]).toBe('asked the learner on gpu-2 to end run a')

    const busy = fakeStage()
    await busy.asked('a', runningStatus('a', 5, between))
    await busy.claim({ run: 'b' })
    expect((await start(busy, { run: 'a' }).outcome()).lines[0]).toBe('took run a back: no learner was at it')
  })

  test('without a name, every run of the stage', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.clock.advance(1_000)
    await stage.asked('b')
    await start(stage, { now: true }).outcome()
    expect([stage.status('a').state, stage.status('b').state]).toEqual(['ended', 'ended'])
    expect([...stage.store.objects.keys()].some((key) => key.startsWith(keys.requests))).toBe(false)
  })

  test('a run that a learner takes at that very moment is asked to end, not taken back', async () => {
    const stage = fakeStage()
    await stage.asked('a')
    await stage.claim()
    const put: ObjectStore['put'] = (...args) => stage.store.put(...args)
    const taking = {
      ...stage.store,
      async put(...args: Parameters<ObjectStore['put']>) {
        // Between the look at the status and the write over it.
        if (args[0] === keys.status('a') && args[2]?.ifMatch) await stage.writeStatus(runningStatus('a', 0))
        return await put(...args)
      },
    }
    const open = async () => ({ ...stage.stage, store: taking })
    const { advance, outcome } = start({ ...stage, open })
    await advance(2_000)
    expect(stage.status('a').state).toBe('running')
    expect(stage.has(keys.request('a'))).toBe(true)
    await endAtLearner(stage, 'a', { reason: 'interrupted' })
    await advance(2_000)
    expect((await outcome()).lines[0]).toBe('asked the learner on gpu-1 to end run a')
  })

  test("a manifest that the learner rewrites meanwhile is told to stop all the same, and keeps the learner's word", async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    const put: ObjectStore['put'] = (...args) => stage.store.put(...args)
    let races = 3
    const racing = {
      ...stage.store,
      async put(...args: Parameters<ObjectStore['put']>) {
        if (args[0] === keys.manifest('a') && races > 0)
          await put(keys.manifest('a'), encodeManifest({ ...manifest('a'), consumed: [10 - races--] }))
        return await put(...args)
      },
    }
    const open = async () => ({ ...stage.stage, store: racing })
    await start({ ...stage, open }, { now: true }).outcome()
    const left = parseManifest(stage.store.objects.get(keys.manifest('a'))?.body ?? new Uint8Array())
    expect(left).toMatchObject({ stop: true, consumed: [9] })
  })

  test('Ctrl-C while it waits leaves the wish standing', async () => {
    const stage = fakeStage()
    await running(stage, 'a')
    await stage.claim({ run: 'a', heartbeatUntil: START + 600_000 })
    const { host, advance, outcome } = start(stage)
    await advance(2_000)
    host.signal('SIGINT')
    expect((await outcome()).exitCode).toBe(130)
    expect(stage.has(keys.stop('a'))).toBe(true)
    expect(stage.calls).toEqual([])
  })

  test('a run that does not exist is named with the nearest that does', async () => {
    const stage = fakeStage()
    await stage.asked('cartpole-20261121-090000-1-1a2b3c4d', { state: 'ended' })
    const { error } = await start(stage, { run: 'cartpole-20261121-090000-1-1a2b3c4e' }).outcome()
    expect(error).toMatchObject({ code: 'E_RUN', message: expect.stringMatching(/did you mean 'cartpole-.*4d'\?/) })
    expect(stage.calls).toEqual([])
  })
})

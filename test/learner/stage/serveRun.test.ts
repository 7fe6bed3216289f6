import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { HEARTBEAT_MS, UPDATE_MS, atWork, upTo, worldOf } from './stages.ts'

describe('runs', () => {
  test('are taken oldest first, one after the other, and leave status, metrics and the files of a run folder', async () => {
    const w = worldOf()
    w.play.updates = 12
    await w.ask('zebra')
    await w.clock.advance(1000)
    await w.ask('ant')
    w.learner()
    await w.clock.advance(60_000)
    expect(w.trained.map(({ run, ended }) => [run, ended])).toEqual([
      ['zebra', true],
      ['ant', true],
    ])
    for (const run of ['zebra', 'ant']) {
      const status = w.status(run)
      expect(status).toMatchObject({ state: 'ended', attempt: 1, losses: 0, learner: { id: 'learner-1' } })
      expect(status.info?.run).toBe(run)
      expect(status.summary).toMatchObject({ run, reason: 'meanReturn', progress: { updates: 12 } })
      expect(status).not.toHaveProperty('heartbeatUntil')
      expect(w.logged(run)).toEqual(upTo(12))
      expect(w.keysUnder(`runs/${run}/result/`).map((key) => key.split('/').at(-1))).toEqual([
        'config.json',
        'policy.onnx',
        'policy.json',
        'curve.csv',
        'summary.json',
      ])
    }
    expect(w.keysUnder(keys.requests)).toEqual([])
    expect(w.keysUnder('checkpoints/')).toEqual([])
    expect(w.claim()).not.toHaveProperty('run')
  })

  test('are seen while they go on: a status about once a second whose word holds for a heartbeat, and pieces of metrics', async () => {
    const { w } = await atWork(10_000, { updates: 1000 })
    const status = w.status('run')
    expect(status).toMatchObject({ state: 'running', progress: { updates: expect.any(Number) } })
    expect(w.clock.now() - status.at).toBeLessThanOrEqual(1_000)
    expect(status.heartbeatUntil).toBe(status.at + HEARTBEAT_MS)
    expect(status.metricsPieces).toBeGreaterThan(0)
    expect(w.logged('run')).toEqual(upTo(w.logged('run').length))
    const puts = w.store.requests.put
    await w.clock.advance(60_000)
    // Status each second, metrics every five, claim every five, two checkpoints with status and metrics before them.
    expect(w.store.requests.put - puts).toBeLessThanOrEqual(60 + 12 + 12 + 2 * 3 + 2)
    expect(w.claim().run).toBe('run')
  })

  test('a user’s wish to stop ends a run within seconds, with its result; one that had not begun never begins', async () => {
    const w = worldOf()
    w.play.updates = 1e6
    await w.ask('running')
    await w.clock.advance(1)
    await w.ask('waiting')
    w.learner()
    await w.clock.advance(5_000)
    for (const run of ['running', 'waiting']) await w.stop(run)
    await w.clock.advance(3_000)
    expect(w.status('running')).toMatchObject({ state: 'ended', summary: { reason: 'interrupted' } })
    expect(w.status('running').events.map(({ text }) => text)).toContain('asked to stop')
    await w.clock.advance(3_000)
    expect(w.status('waiting')).toMatchObject({ state: 'ended' })
    expect(w.trained).toHaveLength(1)
    expect(w.keysUnder(keys.requests)).toEqual([])
  })

  test('the ceiling is reserved again where a dead-man took it away, and left alone where it stands', async () => {
    const w = worldOf()
    w.limit.value = 0
    await w.ask('one')
    w.learner()
    await w.clock.advance(20_000)
    await w.ask('two')
    await w.clock.advance(20_000)
    expect(w.trained).toHaveLength(2)
    expect(w.limit.sets).toEqual([10])
  })

  test('leases longer than the functions’ time-out are cut, and it is said', async () => {
    const w = worldOf({ timeoutSeconds: 60 })
    await w.ask('run')
    w.learner()
    await w.clock.advance(20_000)
    expect(w.trained[0]?.experiment.rollouts.leaseSeconds).toBe(55)
    expect(w.status('run').events[0]?.text).toMatch(/leases last 55 s instead of 120/)
  })
})

describe('a run is refused with one sentence, once, and the next one is taken', () => {
  test.each<[what: string, set: (w: ReturnType<typeof worldOf>) => Promise<void>, code: string, message: RegExp]>([
    [
      'of another version',
      (w) => w.ask('bad', { millrace: '0.0.9' }),
      'E_STAGE',
      /asked for by Millrace 0\.0\.9 and this learner is 0\.1\.0/,
    ],
    [
      'with more functions than the stage may run',
      (w) => w.ask('bad', {}, { rollouts: { shards: 11, functions: 11 } }),
      'E_EXPERIMENT',
      /wants 11 functions \(rollouts\.functions\), but stage demo runs at most 10 at once/,
    ],
    [
      'whose module was altered',
      (w) => w.ask('bad', { module: { key: keys.claim, sha256: 'a'.repeat(64) } }),
      'E_EXPERIMENT',
      /the experiment was altered/,
    ],
    [
      'whose module is gone',
      (w) => w.ask('bad', { module: { key: 'code/bad/none', sha256: 'a'.repeat(64) } }),
      'E_EXPERIMENT',
      /the experiment is not in the bucket/,
    ],
    [
      'whose experiment is none',
      (w) => w.ask('bad', {}, { rollouts: { shard: 1 } }),
      'E_EXPERIMENT',
      /did you mean 'shards'/,
    ],
    [
      'whose request cannot be read',
      async (w) => void (await w.put(keys.request('bad'), { format: 2 })),
      'E_RUN',
      /the request of run bad cannot be read by Millrace 0\.1\.0/,
    ],
    [
      'that fails by its own error',
      async (w) => {
        w.play.fail = ({ run }) => (run === 'bad' ? new MillraceError('E_ENV_STEP', 'the env gave NaN') : undefined)
        await w.ask('bad')
      },
      'E_ENV_STEP',
      /the env gave NaN/,
    ],
  ])('%s', async (_what, set, code, message) => {
    const w = worldOf()
    await set(w)
    await w.clock.advance(1)
    await w.ask('good')
    w.learner()
    await w.clock.advance(30_000)
    const error = { code, message: expect.stringMatching(message) }
    expect(w.status('bad')).toMatchObject({ state: 'failed', attempt: 1, error })
    expect(w.status('good')).toMatchObject({ state: 'ended' })
    expect(w.keysUnder(keys.requests)).toEqual([])
  })
})

describe('a learner that is lost', () => {
  test('is followed by the next one after its heartbeat, which goes on from its last checkpoint; each update is logged once', async () => {
    const { w, learner: first } = await atWork(40_000, { updates: 150 })
    first.kill()
    const at = w.trained[0]!.updates
    expect(w.status('run')).toMatchObject({ state: 'running', checkpoint: { updates: expect.any(Number) } })
    const saved = w.status('run').checkpoint!.updates
    w.learner()
    await w.clock.advance(HEARTBEAT_MS - 6_000)
    expect(w.trained).toHaveLength(1)
    await w.clock.advance(HEARTBEAT_MS)
    expect(w.trained[1]).toMatchObject({ run: 'run.2', attempt: 2, from: saved })
    expect(saved).toBeLessThan(at)
    const before = w.status('run')
    expect(before).toMatchObject({ state: 'running', attempt: 2, losses: 1, learner: { id: 'learner-2' } })
    await w.clock.advance(150 * UPDATE_MS)
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 2, summary: { run: 'run' } })
    expect(w.logged('run')).toEqual(upTo(150))
    const numbers = w.status('run').events.map(({ n }) => n)
    expect(numbers).toEqual(upTo(numbers.length - 1, 0))
    expect(w.status('run').events.at(-1)?.text).toBe(`attempt 2 goes on from update ${saved}`)
  })

  test('before its first checkpoint means that the run begins anew', async () => {
    const { w, learner: first } = await atWork(2_500, { updates: 20 })
    first.kill()
    w.learner()
    await w.clock.advance(60_000)
    expect(w.trained[1]).toMatchObject({ run: 'run.2', from: 0 })
    expect(w.logged('run')).toEqual(upTo(20))
    expect(w.status('run').events.at(-1)?.text).toMatch(/begins anew/)
  })

  test('a checkpoint that cannot be read is passed over for the one before it', async () => {
    const { w, learner: first } = await atWork(65_000, { updates: 400 })
    first.kill()
    const kept = w.keysUnder('checkpoints/run/')
    expect(kept).toHaveLength(2)
    await w.store.put(kept[1]!, new Uint8Array([1, 2, 3]))
    w.learner()
    await w.clock.advance(2 * HEARTBEAT_MS)
    expect(kept[0]).toBe(keys.checkpoint('run', w.trained[1]!.from))
    expect(w.status('run').events[0]?.text).toMatch(/cannot be read/)
  })

  test('five times over one run is enough: the run has failed, and the stage goes on', async () => {
    const w = worldOf()
    w.play.updates = 1e6
    await w.ask('killer')
    for (let i = 0; i < 5; i++) {
      const learner = w.learner()
      await w.clock.advance(HEARTBEAT_MS + 10_000)
      expect(w.trained).toHaveLength(i + 1)
      learner.kill()
    }
    w.learner()
    await w.clock.advance(HEARTBEAT_MS + 10_000)
    expect(w.trained).toHaveLength(5)
    expect(w.status('killer')).toMatchObject({ state: 'failed', error: { code: 'E_LEARNER' } })
    expect(w.status('killer').error?.message).toMatch(/lost 5 times/)
    expect(w.keysUnder(keys.requests)).toEqual([])
  })

  test('one that died between the last word on a run and tidying up leaves nothing to do again', async () => {
    const w = worldOf()
    await w.ask('run')
    await w.put(keys.status('run'), { ...w.status('run'), state: 'ended', attempt: 1 })
    w.learner()
    await w.clock.advance(5_000)
    expect(w.trained).toEqual([])
    expect(w.keysUnder(keys.requests)).toEqual([])
  })
})

test('a failure of the cloud is not the run’s own: it goes on from its checkpoint, at most as often as a learner may be lost', async () => {
  const w = worldOf()
  w.play.updates = 100
  w.play.fail = ({ updates }) => (updates === 80 ? new MillraceError('E_STORE', 'S3 is away') : undefined)
  await w.ask('run')
  w.learner()
  await w.clock.advance(45_000)
  expect(w.status('run')).toMatchObject({ state: 'running', attempt: 2, losses: 1 })
  expect(w.trained[1]?.from).toBeGreaterThan(50)
  await w.clock.advance(120_000)
  expect(w.trained.slice(0, 5).map(({ updates }) => updates)).toEqual([80, 80, 80, 80, 80])
  expect(w.status('run')).toMatchObject({ state: 'failed', error: { code: 'E_STORE', message: 'S3 is away' } })
})

describe('a status that the cloud keeps from being written as an attempt begins', () => {
  const unwritable = (w: ReturnType<typeof worldOf>, untilMs: number) => {
    w.store.onPut = async (key) => {
      if (key.endsWith('/status.json') && w.clock.now() < untilMs) throw new MillraceError('E_STORE', 'S3 is away')
    }
  }

  test('is a failure of the cloud like any other: the run waits a little and begins again', async () => {
    const w = worldOf()
    await w.ask('run')
    unwritable(w, w.clock.now() + 20_000)
    w.learner()
    await w.clock.advance(60_000)
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 2, losses: 1 })
  })

  test('ends the learner where not even that can be said, and the next one goes on', async () => {
    const w = worldOf()
    await w.ask('run')
    unwritable(w, w.clock.now() + 120_000)
    expect(await w.learner().ended(120_000)).toMatchObject({ code: 'E_STORE' })
    expect(w.status('run').state).toBe('waiting')
    await w.clock.advance(120_000)
    w.learner()
    await w.clock.advance(20_000)
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 1 })
  })
})

test('a run whose learners come as far as a checkpoint each time is not given up, however often the cloud fails it', async () => {
  const w = worldOf()
  w.play.updates = 600
  // 35 s into each attempt, 5 s after its checkpoint.
  w.play.fail = ({ updates, from }) => (updates - from === 70 ? new MillraceError('E_STORE', 'S3 is away') : undefined)
  await w.ask('run')
  w.learner()
  await w.clock.advance(600_000)
  expect(w.trained.length).toBeGreaterThan(8)
  expect(w.status('run')).toMatchObject({ state: 'ended', losses: 0, summary: { progress: { updates: 600 } } })
  expect(w.logged('run')).toEqual(upTo(600))
})

describe('a run that is over', () => {
  test('stays over where nothing of it can be deleted: it is not trained again, and is tidied up later', async () => {
    const w = worldOf()
    await w.ask('run')
    w.learner()
    w.store.failNext('delete', 3)
    await w.clock.advance(20_000)
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 1 })
    await w.clock.advance(30_000)
    expect(w.trained).toHaveLength(1)
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 1, summary: { reason: 'meanReturn' } })
    expect(w.keysUnder(keys.requests)).toEqual([])
  })

  test('because it failed leaves the policy of its last checkpoint, and keeps that', async () => {
    const w = worldOf()
    w.play.updates = 1e6
    const where = { env: 'Pole-v0', envIndex: 3, at: 'pole.ts:7:13', missing: undefined }
    const failure = new MillraceError('E_ENV_STEP', 'the env gave NaN', where, { userStack: 'at step (pole.ts:7:13)' })
    w.play.fail = ({ updates }) => (updates === 100 ? failure : undefined)
    await w.ask('run')
    w.learner()
    await w.clock.advance(70_000)
    const { checkpoint } = w.status('run')
    expect(w.status('run')).toMatchObject({ state: 'failed', attempt: 1 })
    expect(w.status('run').error).toEqual({
      code: 'E_ENV_STEP',
      message: 'the env gave NaN',
      where: { env: 'Pole-v0', envIndex: 3, at: 'pole.ts:7:13' },
      stack: 'at step (pole.ts:7:13)',
    })
    expect(w.keysUnder('checkpoints/')).toEqual([checkpoint?.key])
    expect(w.trained[1]).toMatchObject({ run: 'run.2', from: checkpoint?.updates, updates: checkpoint?.updates })
    const result = w.keysUnder('runs/run/result/').map((key) => key.split('/').at(-1))
    expect(result).toEqual(expect.arrayContaining(['policy.onnx', 'policy.json', 'summary.json']))
    expect(w.logged('run')).toEqual(upTo(100))
    expect(w.keysUnder(keys.requests)).toEqual([])
  })

  test('because it was stopped between two learners has the result of its last checkpoint', async () => {
    const { w, learner: first } = await atWork(10_250)
    first.end()
    await first.ended(3_000)
    const { updates } = w.trained[0]!
    await w.stop('run')
    w.learner()
    await w.clock.advance(5_000)
    expect(w.status('run')).toMatchObject({ state: 'ended', summary: { reason: 'interrupted', progress: { updates } } })
    expect(w.keysUnder('runs/run/result/')).toContain(keys.result('run', 'policy.onnx'))
    expect(w.keysUnder('checkpoints/')).toEqual([])
  })
})

test('what a lost learner had taken counts for the limits of the next attempt', async () => {
  const { w, learner: first } = await atWork(12_000, { updates: 60 })
  first.kill()
  const { progress } = w.status('run')
  w.learner()
  await w.clock.advance(2 * HEARTBEAT_MS)
  expect(w.trained[1]?.earlier).toEqual({ elapsedMs: progress?.atMs, costUsd: progress?.costUsd })
})

test('each update is logged once, however checkpoints and pieces of the log come to lie', async () => {
  const { w, learner: first } = await atWork(29_000, { updates: 150, checkpointSeconds: 7 })
  first.kill()
  w.learner()
  await w.clock.advance(2 * HEARTBEAT_MS + 150 * UPDATE_MS)
  expect(w.trained[1]?.from).toBeGreaterThan(0)
  expect(w.status('run').state).toBe('ended')
  expect(w.logged('run')).toEqual(upTo(150))
})

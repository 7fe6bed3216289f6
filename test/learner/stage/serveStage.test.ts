import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { HEARTBEAT_MS, UPDATE_MS, worldOf } from './stages.ts'

const MINUTE = 60_000
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i)

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
    const w = worldOf()
    w.play.updates = 1000
    await w.ask('run')
    w.learner()
    await w.clock.advance(10_000)
    const status = w.status('run')
    expect(status).toMatchObject({ state: 'running', progress: { updates: expect.any(Number) } })
    expect(w.clock.now() - status.at).toBeLessThanOrEqual(1_000)
    expect(status.heartbeatUntil).toBe(status.at + HEARTBEAT_MS)
    expect(status.metricsPieces).toBeGreaterThan(0)
    expect(w.logged('run')).toEqual(upTo(w.logged('run').length))
    const puts = w.store.requests.put
    await w.clock.advance(60_000)
    // Status each second, metrics every five, claim every five, two checkpoints.
    expect(w.store.requests.put - puts).toBeLessThanOrEqual(60 + 12 + 12 + 2 + 2)
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
    for (const run of ['running', 'waiting']) await w.put(keys.stop(run), { format: 1, at: w.clock.now(), by: 'me' })
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
      'with more shards than the stage has functions',
      (w) => w.ask('bad', {}, { rollouts: { shards: 11 } }),
      'E_EXPERIMENT',
      /has 11 shards and stage 'demo' runs 10 functions at once/,
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
    const w = worldOf()
    w.play.updates = 150
    await w.ask('run')
    const first = w.learner()
    await w.clock.advance(40_000)
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
    const w = worldOf()
    await w.ask('run')
    const first = w.learner()
    await w.clock.advance(2_500)
    first.kill()
    w.learner()
    await w.clock.advance(60_000)
    expect(w.trained[1]).toMatchObject({ run: 'run.2', from: 0 })
    expect(w.logged('run')).toEqual(upTo(20))
    expect(w.status('run').events.at(-1)?.text).toMatch(/begins anew/)
  })

  test('a checkpoint that cannot be read is passed over for the one before it', async () => {
    const w = worldOf()
    w.play.updates = 400
    await w.ask('run')
    const first = w.learner()
    await w.clock.advance(65_000)
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
  expect(w.trained).toHaveLength(5)
  expect(w.status('run')).toMatchObject({ state: 'failed', error: { code: 'E_STORE', message: 'S3 is away' } })
})

describe('a learner that is asked to end', () => {
  test('leaves its run to the next one: checkpoint, claim given back, request untouched; that is no loss', async () => {
    const w = worldOf()
    w.play.updates = 60
    await w.ask('run')
    const first = w.learner()
    await w.clock.advance(10_250)
    first.end()
    expect(await first.ended(3_000)).toBeUndefined()
    const { updates } = w.trained[0]!
    expect(w.status('run')).toMatchObject({ state: 'waiting', attempt: 1, losses: 0, checkpoint: { updates } })
    expect(w.status('run')).not.toHaveProperty('heartbeatUntil')
    expect(w.keysUnder(keys.requests)).toEqual([keys.request('run')])
    expect(w.claim().heartbeatUntil).toBeLessThanOrEqual(w.clock.now())
    // Should no machine come, the dead-man still ends what was asked for.
    expect(w.deadMan.at).toBeGreaterThan(w.clock.now() + 25 * MINUTE)
    expect(w.group.sets).toEqual([])
    const second = w.learner({ once: true })
    await second.ended(60_000)
    expect(w.trained[1]).toMatchObject({ attempt: 2, from: updates })
    expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 2, losses: 0 })
    expect(w.logged('run')).toEqual(upTo(60))
  })

  test('by a spot notice does the same', async () => {
    const w = worldOf()
    w.play.updates = 1e6
    await w.ask('run')
    const learner = w.learner({
      async spotNotice(signal) {
        await w.clock.sleep(20_000, signal)
        return signal.aborted ? undefined : 'spot notice: terminate at soon'
      },
    })
    expect(await learner.ended(30_000)).toBeUndefined()
    expect(w.status('run')).toMatchObject({ state: 'waiting', checkpoint: { updates: w.trained[0]?.updates } })
    expect(w.lines).toContain('learner-1 spot notice: terminate at soon')
    expect(w.clock.sleeping).toBe(0)
  })

  test('by its longest time ends its machine too', async () => {
    const w = worldOf({ maxHours: 1.5 })
    w.play.updates = 1e9
    await w.ask('run')
    const learner = w.learner()
    expect(await learner.ended(2 * 60 * MINUTE)).toBeUndefined()
    expect(w.group.sets).toEqual([0])
    expect(w.status('run').state).toBe('waiting')
    expect(w.deadMan.at).toBeUndefined()
  })
})

describe('a learner with nothing to do', () => {
  test('ends after the stage’s idle time: group to none, dead-man disarmed, claim given back, no timer left', async () => {
    const w = worldOf({ idleMinutes: 3 })
    await w.ask('run')
    const learner = w.learner()
    const from = w.clock.now()
    expect(await learner.ended()).toBeUndefined()
    const tookMs = w.clock.now() - from
    expect(tookMs).toBeGreaterThan(3 * MINUTE)
    expect(tookMs).toBeLessThan(4 * MINUTE)
    expect(w.group.sets).toEqual([0])
    expect(w.deadMan.at).toBeUndefined()
    expect(w.claim().heartbeatUntil).toBeLessThanOrEqual(w.clock.now())
    expect(w.clock.sleeping).toBe(0)
  })

  test('stays when a run is asked for at that very moment', async () => {
    const w = worldOf({ idleMinutes: 1 })
    let asked = false
    w.group.onSet = async (desired) => {
      if (desired === 0 && !asked) {
        asked = true
        await w.ask('late')
      }
    }
    const learner = w.learner()
    await learner.ended()
    expect(w.group.sets).toEqual([0, 1, 0])
    expect(w.status('late').state).toBe('ended')
  })

  test('with `once` ends at once; where another learner lives it says so and ends', async () => {
    const w = worldOf()
    await w.ask('run')
    expect(await w.learner({ once: true }).ended(20_000)).toBeUndefined()
    expect(w.status('run').state).toBe('ended')
    w.learner()
    await w.clock.advance(1_000)
    expect(await w.learner({ once: true }).ended(1_000)).toMatchObject({
      code: 'E_LEARNER',
      message: expect.stringMatching(/another learner serves the stage, on host of learner-2 since/),
    })
  })

  test('pushes the dead-man on all the while, also where pushing fails now and then', async () => {
    const w = worldOf({ idleMinutes: 70 })
    const learner = w.learner()
    for (let t = 0; t < 55; t++) {
      await w.clock.advance(MINUTE)
      expect(w.deadMan.at! - w.clock.now()).toBeGreaterThanOrEqual(600_000 - 1)
    }
    expect(w.deadMan.arms).toBe(1 + 11)
    w.deadMan.failNext = 6
    for (let t = 0; t < 6; t++) {
      await w.clock.advance(MINUTE)
      expect(w.deadMan.at! - w.clock.now()).toBeGreaterThan(450_000)
    }
    expect(w.lines.filter((line) => line.includes('the scheduler is away'))).toHaveLength(1)
    learner.end()
    await learner.ended()
    // Whoever asked it to end, a machine may still be there: only the dead-man knows.
    expect(w.deadMan.at).toBeGreaterThan(w.clock.now())
  })

  test('on a machine of the user’s own, which no group starts, takes the dead-man with it when nothing waits', async () => {
    const w = worldOf({ learner: { kind: 'anywhere' } })
    const learner = w.learner()
    await w.clock.advance(5_000)
    expect(w.deadMan.at).toBeGreaterThan(w.clock.now())
    learner.end()
    await learner.ended()
    expect(w.deadMan.at).toBeUndefined()
  })
})

test('a learner whose claim is lost ends at once with E_LEARNER, and says nothing more of its run', async () => {
  const w = worldOf()
  w.play.updates = 1e6
  await w.ask('run')
  const learner = w.learner()
  await w.clock.advance(10_000)
  await w.put(keys.claim, { ...w.claim(), learner: 'thief', heartbeatUntil: w.clock.now() + 1e6 })
  await w.clock.advance(HEARTBEAT_MS / 3)
  const said = w.store.objects.get(keys.status('run'))?.etag
  const checkpoints = w.keysUnder('checkpoints/')
  expect(await learner.ended(1_000)).toMatchObject({ code: 'E_LEARNER' })
  await w.clock.advance(60_000)
  expect(w.store.objects.get(keys.status('run'))?.etag).toBe(said)
  expect(w.keysUnder('checkpoints/')).toEqual(checkpoints)
  expect(w.claim().learner).toBe('thief')
  expect(w.keysUnder(keys.requests)).toEqual([keys.request('run')])
  expect(w.trained[0]?.ended).toBe(true)
  expect(w.clock.sleeping).toBe(0)
})

test('a store that fails for a while costs no run and no idle learner', async () => {
  const w = worldOf()
  w.play.updates = 60
  const learner = w.learner()
  await w.clock.advance(3_000)
  w.store.failNext('list', 2)
  await w.clock.advance(5_000)
  await w.ask('run')
  await w.clock.advance(5_000)
  w.store.failNext('put', 4)
  w.store.failNext('get', 2)
  await w.clock.advance(60 * UPDATE_MS)
  expect(w.status('run')).toMatchObject({ state: 'ended', attempt: 1 })
  expect(w.logged('run')).toEqual(upTo(60))
  learner.end()
  await learner.ended()
})

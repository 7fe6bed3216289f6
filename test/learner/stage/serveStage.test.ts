import { describe, expect, test } from 'vitest'
import type { LearnerClaim } from '../../../learner/stage/records.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { HEARTBEAT_MS, UPDATE_MS, atWork, upTo, worldOf } from './stages.ts'

const MINUTE = 60_000

describe('a learner that is asked to end', () => {
  test('leaves its run to the next one: checkpoint, claim given back, request untouched; that is no loss', async () => {
    const { w, learner: first } = await atWork(10_250, { updates: 60 })
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

  test('in the moment in which its run is stopped writes the result: no other learner will', async () => {
    const { w, learner } = await atWork(10_250)
    await w.stop('run')
    learner.end()
    await learner.ended(3_000)
    const { updates } = w.trained[0]!
    expect(w.status('run')).toMatchObject({ state: 'ended', summary: { reason: 'interrupted', progress: { updates } } })
    expect(w.keysUnder('runs/run/result/')).toContain(keys.result('run', 'policy.onnx'))
    expect(w.keysUnder(keys.requests)).toEqual([])
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

  test('leaves a new machine on its way, with the dead-man armed, when a run is asked for at that very moment', async () => {
    for (const moment of ['group', 'disarmed', 'claim'] as const) {
      const w = worldOf({ idleMinutes: 1 })
      let asked = false
      const ask = async () => {
        if (asked) return
        asked = true
        await w.ask('late')
      }
      if (moment === 'group') w.group.onSet = ask
      if (moment === 'disarmed') w.deadMan.onDisarm = ask
      if (moment === 'claim')
        w.store.onPut = async (key, body) => {
          if (
            key === keys.claim &&
            (JSON.parse(new TextDecoder().decode(body)) as LearnerClaim).heartbeatUntil <= w.clock.now()
          )
            await ask()
        }
      const learner = w.learner()
      expect(await learner.ended()).toBeUndefined()
      expect(asked).toBe(true)
      expect(w.group.sets).toEqual([0, 1])
      expect(w.deadMan.at).toBeGreaterThan(w.clock.now() + 29 * MINUTE)
      // Whoever asks for a run from now on sees that nobody serves.
      expect(w.claim().heartbeatUntil).toBeLessThanOrEqual(w.clock.now())
      await w.clock.advance(1)
      await w.learner({ once: true }).ended()
      expect(w.status('late').state).toBe('ended')
    }
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

  test('that could not push it on for so long that it struck reserves the functions again', async () => {
    const { w } = await atWork(5_000)
    w.limit.value = 0
    w.deadMan.failNext = 40
    await w.clock.advance(14 * MINUTE)
    expect(w.limit.sets).toEqual([10])
    await w.clock.advance(6 * MINUTE)
    expect(w.deadMan.failNext).toBe(0)
    expect(w.limit.value).toBe(10)
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
  const { w, learner } = await atWork(10_000)
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

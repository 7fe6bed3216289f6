import { describe, expect, test } from 'vitest'
import { doctorCommand, type DoctorParts } from '../../../cli/commands/doctor.ts'
import type { DoctorContext } from '../../../cli/doctor/context.ts'
import { encodeRecord, readFound } from '../../../cli/stage/runRecords.ts'
import { type LearnerClaim, type ProgressRecord, RunRequest, type RunStatus } from '../../../learner/stage/records.ts'
import type { z } from 'zod'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { StageDescription } from '../../../shared/protocol/stage.ts'
import { RolloutWorker } from '../../../shared/rollout/index.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { work } from '../../shared/rollout/leases.ts'
import { FakeHost } from '../fakeHost.ts'
import { description, memoryStage } from './projects.ts'

/** A clock that never lets anybody wait: a sleep is over at once, after whatever happens meanwhile. */
function hurriedClock(meanwhile: () => Promise<void>): Clock {
  let time = Date.UTC(2026, 10, 21, 9)
  return {
    now: () => time,
    monotonic: () => time,
    async sleep(ms) {
      time += ms
      await meanwhile()
    },
  }
}

/** A stage that works: its function is the rollout core in this process, its learner does as it is told, on paper. */
function healthyStage({
  coldCalls = 1,
  ...changes
}: { readonly learner?: StageDescription['learner']; readonly coldCalls?: number } = {}) {
  const whole = { ...description, ...changes }
  let reserved: number | undefined = 10
  let desired = 0
  let schedules = whole.deadMan.schedules.map((name) => ({
    name,
    enabled: false,
    expression: 'at(2030-01-01T00:00:00)',
  }))
  const clock = hurriedClock(() => learn())
  const queue = memoryQueue({ clock })
  const worker = new RolloutWorker()
  const strikes: string[] = []
  const { stage } = memoryStage({
    description: whole,
    group: { size: async () => ({ desired, running: desired }), set: async (size) => void (desired = size) },
    concurrency: { get: async () => reserved, set: async (limit) => void (reserved = limit) },
    deadMan: {
      arm: async (at) => {
        const expression = `at(${new Date(at).toISOString().slice(0, 19)})`
        schedules = schedules.map(({ name }) => ({ name, enabled: true, expression }))
      },
      disarm: async () => void (schedules = schedules.map((schedule) => ({ ...schedule, enabled: false }))),
    },
  })
  const { store } = stage

  /** What the learner does in a second. */
  async function learn(): Promise<void> {
    const due = schedules.find(
      ({ enabled, expression }) => enabled && Date.parse(`${expression.slice(3, -1)}Z`) <= clock.now(),
    )
    if (due) {
      strikes.push(due.name)
      reserved = 0
    }
    if (desired === 0) return
    for (const key of await store.list(keys.requests)) {
      const request = (await readFound(store, key, RunRequest))?.value
      if (!request) continue
      const { run, set, requestedAt } = request
      const told = (await store.get(keys.stop(run))).kind === 'found'
      const progress = PROGRESS
      const over = told || set['stop.envSteps'] === '1000'
      const status: RunStatus = {
        format: 1,
        run,
        experiment: 'doctor',
        state: over ? 'ended' : 'running',
        attempt: 1,
        at: clock.now(),
        requestedAt,
        progress,
        events: [],
        metricsPieces: 0,
        ...(over && {
          summary: { run, reason: told ? 'interrupted' : 'envSteps', progress, curve: [], costByPart: {} },
        }),
      }
      await store.put(keys.status(run), encodeRecord(status))
      if (over) await store.delete([key])
    }
  }

  let called = 0
  const aws: ReturnType<DoctorParts['aws']> = {
    queue,
    rollout: {
      async invoke(payload) {
        if (reserved === 0) return { kind: 'throttled', reason: 'none reserved' }
        const [lease] = parseInvocation(JSON.parse(new TextDecoder().decode(payload)))
        called++
        const cold = called <= coldCalls
        const sent: typeof queue = {
          ...queue,
          send: (body) => queue.send(cold ? body : body.replace('"coldStart":true', '"coldStart":false')),
        }
        await work(lease, { store, queue: sent, clock, worker, loadMs: 100 })
        return { kind: 'accepted' }
      },
    },
    settings: {
      description: async () => whole,
      publicAccessBlocked: async () => true,
      eventInvokeConfig: async () => ({ retries: 0, maxAgeSeconds: 60 }),
      schedules: async () => schedules,
      groupBounds: async () => ({ min: 0, max: 1 }),
    },
    async invoke(name) {
      if (name === whole.evaluateFunction) return { format: 1, episodes: [{ return: 9, length: 9 }] }
      if (reserved === 0) throw new MillraceError('E_AWS', 'Rate Exceeded', { status: 429 })
      throw new MillraceError('E_INVOKE', 'not a lease')
    },
    logLines: async () => ['a line'],
  }
  const parts: DoctorParts = {
    openStage: async () => stage,
    aws: () => aws,
    clock,
    suffix: () => 'abcdefgh',
    millrace: '1.0.0',
    learnerModule: async () => new TextEncoder().encode('export default {}'),
  }
  return {
    stage,
    queue,
    aws,
    parts,
    clock,
    strikes,
    state: () => ({ reserved, desired, armed: schedules.some((s) => s.enabled) }),
  }
}

const PROGRESS: z.infer<typeof ProgressRecord> = {
  envSteps: 1000,
  trainedSteps: 1000,
  updates: 13,
  atMs: 2000,
  policyVersion: 13,
  lag: { min: 0, mean: 0, max: 0 },
  meanReturn: 20,
  episodes: 50,
  metrics: {},
  stepsPerSecond: 500,
  updatesPerSecond: 6,
  learnerIdleShare: 0,
  functionsInFlight: 1,
  queuedFragments: 0,
  costUsd: 0.001,
  dropped: { stale: 0, duplicate: 0, corrupt: 0, foreign: 0, envSteps: 0 },
}

interface Report {
  readonly ok: boolean
  readonly costUsd: number
  readonly left: readonly string[]
  readonly items: readonly { name: string; result: string; saw: string; advice?: string; pass: string; ms: number }[]
}

async function examine(parts: DoctorParts, { deadMan = false } = {}): Promise<{ code: number; report: Report }> {
  const host = new FakeHost('/')
  const code = await doctorCommand({ stage: 'demo', json: true, deadMan }, host, parts)
  expect(host.openHandles).toBe(0)
  return { code, report: JSON.parse(host.out.text) as Report }
}

const notPassed = ({ items }: Report) =>
  items.filter(({ result }) => result !== 'passed').map(({ name, result }) => [name, result])

describe('millrace doctor', () => {
  test('passes every item of a stage that works, and leaves it as it was', async () => {
    const { stage, queue, parts, state } = healthyStage()
    const before = state()
    const { code, report } = await examine(parts)
    expect(notPassed(report)).toEqual([])
    expect(report.items).toHaveLength(17)
    expect({ code, ok: report.ok, left: report.left }).toEqual({ code: 0, ok: true, left: [] })
    expect(report.costUsd).toBeGreaterThan(0.002)
    expect(await stage.store.list('')).toEqual([])
    expect([queue.visible, queue.inFlight]).toEqual([0, 0])
    expect(state()).toEqual(before)
  })

  test('prints each item with its condition, and what was seen', async () => {
    const { parts } = healthyStage()
    const host = new FakeHost('/')
    expect(await doctorCommand({ stage: 'demo', json: false, deadMan: false }, host, parts)).toBe(0)
    expect(host.out.text).toMatch(
      /✓ bucket: creates once +\d+ ms\n {4}passes when of two creations of one object, the second is refused \(412\)\n {4}the second was refused\n/,
    )
    expect(host.out.text).toMatch(
      /rollout function: first call[^]*a fragment of 40 env steps after \d+ ms; its report says \d+ ms, cold \(load/,
    )
    expect(host.out.text).toMatch(/17 passed, 0 failed, 0 left out, in \d+ s; it cost \$0\.00\d\d at list prices/)
    expect(host.out.text).toMatch(/the stage is as it was before\n$/)
  })

  test('lets the dead-man strike when asked, and lifts what it did', async () => {
    const { parts, strikes, state } = healthyStage()
    const { code, report } = await examine(parts, { deadMan: true })
    expect(notPassed(report)).toEqual([])
    expect({ code, strikes }).toEqual({ code: 0, strikes: ['functions'] })
    expect(state()).toEqual({ reserved: 10, desired: 0, armed: false })
  })

  test('where a learner was asked for one is again, with the dead-man armed for half an hour: it may have hung', async () => {
    const { stage, parts, clock, state, aws } = healthyStage()
    await stage.group.set(1)
    const host = new FakeHost('/')
    expect(await doctorCommand({ stage: 'demo', json: false, deadMan: false }, host, parts)).toBe(0)
    expect(state()).toEqual({ reserved: 10, desired: 1, armed: true })
    const [schedule] = await aws.settings.schedules()
    const inMs = Date.parse(`${schedule?.expression.slice(3, -1)}Z`) - clock.now()
    expect(inMs / 60_000).toBeCloseTo(30, 0)
    expect(host.out.text).toMatch(/as it was before, with the dead-man armed for half an hour for its learner\n$/)
  })

  test('a run that comes while the log is looked at keeps its learner, its functions and its request', async () => {
    const { stage, aws, parts, state } = healthyStage()
    const logLines = async () => {
      await stage.store.put(keys.request('run-1'), encodeRecord({}))
      return ['a line']
    }
    const { code, report } = await examine({ ...parts, aws: () => ({ ...aws, logLines }) })
    expect(code).toBe(0)
    expect(notPassed(report)).toEqual([['learner: gone', 'skipped']])
    expect(report.items.at(-1)?.saw).toBe('run run-1 came meanwhile, and is not to be disturbed')
    expect(state()).toEqual({ reserved: 10, desired: 1, armed: true })
    expect(await stage.store.list('')).toEqual([keys.request('run-1')])
  })

  test('a run that comes at once is disturbed by nothing, also at a stage that had been stopped', async () => {
    const { stage, aws, parts, state } = healthyStage()
    await stage.concurrency.set(0)
    const settings = {
      ...aws.settings,
      async publicAccessBlocked() {
        await stage.store.put(keys.request('run-1'), encodeRecord({}))
        await stage.concurrency.set(10) // as its learner does
        return true
      },
    }
    const { code, report } = await examine({ ...parts, aws: () => ({ ...aws, settings }) }, { deadMan: true })
    expect(code).toBe(0)
    expect(notPassed(report)).toEqual([
      ['functions: stop and start', 'skipped'],
      ['dead-man: schedules', 'skipped'],
      ['dead-man: strikes', 'skipped'],
      ['learner: a run', 'skipped'],
      ['learner: stop', 'skipped'],
      ['learner: gone', 'skipped'],
    ])
    expect(state()).toEqual({ reserved: 10, desired: 1, armed: true })
  })

  test('a call that finds the function still ending is made again; one that is never warm fails its item', async () => {
    expect(notPassed((await examine(healthyStage({ coldCalls: 3 }).parts)).report)).toEqual([])
    const { code, report } = await examine(healthyStage({ coldCalls: 100 }).parts)
    expect(code).toBe(1)
    expect(notPassed(report)).toEqual([['rollout function: warm call', 'failed']])
  })

  test('a stage that was stopped has its ceiling lifted while the doctor works, and is as stopped afterwards', async () => {
    const { stage, parts, state } = healthyStage()
    await stage.concurrency.set(0)
    const { code } = await examine(parts)
    expect({ code, ...state() }).toEqual({ code: 0, reserved: 0, desired: 0, armed: false })
  })

  test.each<
    [string, (parts: { aws: DoctorContext; stage: DoctorContext['stage'] }) => Partial<DoctorContext>, string, RegExp]
  >([
    [
      'a bucket that takes two creations',
      ({ stage }) => ({
        stage: { ...stage, store: { ...stage.store, put: (key, body) => stage.store.put(key, body) } },
      }),
      'bucket: creates once',
      /both were taken/,
    ],
    [
      'a bucket that is open',
      ({ aws }) => ({ settings: { ...aws.settings, publicAccessBlocked: async () => false } }),
      'bucket: private',
      /some public access is allowed/,
    ],
    [
      'a function that is not there',
      () => ({
        rollout: {
          invoke: async () => {
            throw new MillraceError('E_INVOKE', 'Function not found')
          },
        },
      }),
      'rollout function: first call',
      /E_INVOKE: Function not found/,
    ],
    [
      'a function that never answers',
      () => ({ rollout: { invoke: async () => ({ kind: 'accepted' }) } }),
      'rollout function: first call',
      /no fragment within 60 s/,
    ],
    [
      'failed events that are retried',
      ({ aws }) => ({
        settings: { ...aws.settings, eventInvokeConfig: async () => ({ retries: 2, maxAgeSeconds: 60 }) },
      }),
      'functions: failed events',
      /retries 2, age 60/,
    ],
    [
      'a dead-man that cannot be armed',
      ({ stage }) => ({ stage: { ...stage, deadMan: { ...stage.deadMan, arm: async () => {} } } }),
      'dead-man: schedules',
      /armed, functions is still disarmed/,
    ],
    [
      'a group that may grow',
      ({ aws }) => ({ settings: { ...aws.settings, groupBounds: async () => ({ min: 0, max: 5 }) } }),
      'learner: group',
      /at most 5/,
    ],
    [
      'a log that stays silent',
      () => ({ logLines: async () => [] }),
      'logs',
      /nothing in \/aws\/lambda\/my-app-demo-rollout after 120 s/,
    ],
    [
      'another version',
      ({ stage, aws }) => ({
        settings: { ...aws.settings, description: async () => ({ ...stage.description, millrace: '0.9.0' }) },
      }),
      'description',
      /of version 0\.9\.0; this command is 1\.0\.0/,
    ],
  ])('%s fails its item, with what to do, and the stage is left as it was', async (_, broken, name, saw) => {
    const { stage, aws, parts, state } = healthyStage()
    const before = state()
    const { stage: other, ...changes } = broken({ aws: aws as DoctorContext, stage })
    const { code, report } = await examine({
      ...parts,
      openStage: async () => other ?? stage,
      aws: () => ({ ...aws, ...changes }),
    })
    expect(code).toBe(1)
    const item = report.items.find((each) => each.name === name)
    expect(item).toMatchObject({ result: 'failed', saw: expect.stringMatching(saw) as string })
    expect(item?.advice).toBeTruthy()
    expect(report.items.filter(({ result }) => result === 'failed')).toHaveLength(1)
    expect(await stage.store.list('')).toEqual([])
    expect(state()).toEqual(before)
  })

  test('without a machine of AWS, and no learner up, what needs one is left out and said', async () => {
    const { parts } = healthyStage({ learner: { kind: 'anywhere' } })
    const { code, report } = await examine(parts)
    expect(code).toBe(0)
    expect(notPassed(report)).toEqual([
      ['learner: group', 'skipped'],
      ['learner: a run', 'skipped'],
      ['learner: stop', 'skipped'],
      ['learner: gone', 'skipped'],
    ])
    expect(report.items.find(({ name }) => name === 'learner: a run')?.saw).toContain('millrace learner --stage demo')
  })

  test('refuses a stage with a run, or with another doctor, and touches nothing', async () => {
    const { stage, parts, clock } = healthyStage()
    const refusal = (sentence: RegExp) => ({ code: 'E_RUN', message: expect.stringMatching(sentence) as string })
    await stage.store.put(keys.request('run-1'), encodeRecord({}))
    await expect(examine(parts)).rejects.toMatchObject(
      refusal(/run run-1 is waiting or under way.*millrace stop --stage demo/),
    )
    await stage.store.delete([keys.request('run-1')])
    const claim: LearnerClaim = {
      format: 1,
      learner: 'a',
      host: 'there',
      startedAt: 1,
      heartbeatUntil: clock.now() + 60_000,
      run: 'run-2',
    }
    await stage.store.put(keys.claim, encodeRecord(claim))
    await expect(examine(parts)).rejects.toMatchObject(refusal(/run run-2/))
    await stage.store.delete([keys.claim])
    await stage.store.put(keys.doctor, encodeRecord({ name: 'doctor-other', at: clock.now() - 60_000 }))
    await expect(examine(parts)).rejects.toMatchObject(refusal(/another doctor is at stage demo/))
    expect(await stage.store.list('')).toEqual([keys.doctor])
    await stage.store.put(keys.doctor, encodeRecord({ name: 'doctor-killed', at: clock.now() - 2 * 3_600_000 }))
    expect((await examine(parts)).code).toBe(0)
  })

  test('Ctrl-C leaves out the rest and still puts everything back', async () => {
    const { stage, aws, parts, state } = healthyStage()
    const before = state()
    const host = new FakeHost('/')
    const settings = {
      ...aws.settings,
      publicAccessBlocked: async () => {
        host.signal('SIGINT')
        return true
      },
    }
    const code = await doctorCommand({ stage: 'demo', json: true, deadMan: false }, host, {
      ...parts,
      aws: () => ({ ...aws, settings }),
    })
    expect(code).toBe(130)
    const { items } = JSON.parse(host.out.text) as Report
    expect(items.map(({ result }) => result)).toEqual([
      ...Array<string>(4).fill('passed'),
      ...Array<string>(13).fill('skipped'),
    ])
    expect(await stage.store.list('')).toEqual([])
    expect(state()).toEqual(before)
  })
})

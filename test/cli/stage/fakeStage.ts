import type { Stage } from '../../../cli/stage/stage.ts'
import { encodeRecord } from '../../../learner/stage/bucketRecords.ts'
import type { LearnerClaim, RunRequest, RunStatus } from '../../../learner/stage/records.ts'
import { RunRequest as RunRequestSchema, RunStatus as RunStatusSchema } from '../../../learner/stage/records.ts'
import type { LearnerHost, StageDescription } from '../../../shared/protocol/stage.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { stageOf } from '../../fakes/stageDescription.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { info, progressAt } from '../runs.ts'

export const START = Date.UTC(2026, 10, 21, 9, 0, 0)
export const GPU: LearnerHost = { kind: 'gpu', autoScalingGroup: 'group', instanceTypes: ['g6.xlarge', 'g5.xlarge'] }

export const description = (learner: LearnerHost = GPU): StageDescription =>
  stageOf({
    concurrency: 50,
    learner,
    logGroups: {
      rollout: '/rollout',
      evaluate: '/evaluate',
      ...(learner.kind !== 'anywhere' && { learner: '/learner' }),
    },
  })

/** A stage in memory: its store, what was set in its control plane (in order), and a pen to write what a learner would. */
export function fakeStage(learner: LearnerHost = GPU) {
  const clock = virtualClock(START)
  const store = memoryStore()
  const calls: string[] = []
  const state = { desired: 0, running: 0, limit: undefined as number | undefined, armedFor: 0, deadLetters: 0 }
  const stage: Stage = {
    description: description(learner),
    store,
    group: {
      size: async () => ({ desired: state.desired, running: state.running }),
      async set(desired) {
        calls.push(`group ${desired}`)
        state.desired = desired
      },
    },
    concurrency: {
      get: async () => state.limit,
      async set(limit) {
        calls.push(`concurrency ${limit}`)
        state.limit = limit
      },
    },
    deadMan: {
      async arm(at) {
        calls.push('arm')
        state.armedFor = at - clock.now()
      },
      async disarm() {
        calls.push('disarm')
      },
    },
    deadLetters: async () => state.deadLetters,
  }
  const put = (key: string, value: unknown) => store.put(key, encodeRecord(value))
  const read = (key: string): unknown => {
    const found = store.objects.get(key)
    return found === undefined ? undefined : JSON.parse(Buffer.from(found.body).toString())
  }
  return {
    stage,
    store,
    clock,
    calls,
    state,
    open: async () => stage,
    put,
    has: (key: string) => store.objects.has(key),
    status: (run: string): RunStatus => RunStatusSchema.parse(read(keys.status(run))),
    request: (run: string): RunRequest => RunRequestSchema.parse(read(keys.request(run))),
    writeStatus: (status: RunStatus) => put(keys.status(status.run), RunStatusSchema.parse(status)),
    claim: (changes: Partial<LearnerClaim> = {}) =>
      put(keys.claim, {
        format: 1,
        learner: 'l-1',
        host: 'gpu-1',
        startedAt: START,
        heartbeatUntil: clock.now() + 15_000,
        ...changes,
      }),
    /** A run that is known to the stage, as `millrace run` leaves it. */
    async asked(run: string, changes: Partial<RunStatus> = {}) {
      const status = statusOf(run, { requestedAt: clock.now(), at: clock.now(), ...changes })
      await put(keys.status(run), RunStatusSchema.parse(status))
      await put(keys.listed(run, status.requestedAt), {})
      if (status.state === 'waiting' || status.state === 'running') await put(keys.request(run), { run })
      return status
    },
  }
}

export type FakeStage = ReturnType<typeof fakeStage>

export function statusOf(run: string, changes: Partial<RunStatus> = {}): RunStatus {
  return {
    format: 1,
    run,
    experiment: 'cartpole',
    state: 'waiting',
    attempt: 0,
    at: START,
    requestedAt: START,
    events: [],
    metricsPieces: 0,
    ...changes,
  }
}

/** What a learner says of a run after its n-th update. */
export function runningStatus(run: string, n: number, changes: Partial<RunStatus> = {}): RunStatus {
  const at = START + 60_000 + n * 1000
  return statusOf(run, {
    state: 'running',
    attempt: 1,
    at,
    startedAt: START + 60_000,
    learner: { id: 'l-1', host: 'gpu-1' },
    heartbeatUntil: at + 15_000,
    info: { ...info, run, stop: { meanReturn: 475, envSteps: 2_000_000 } },
    progress: mutable(progressAt(n)),
    ...changes,
  })
}

/** Records are mutable types, observers' are not; the data is the same. */
export const mutable = <T>(value: unknown): T => structuredClone(value) as T

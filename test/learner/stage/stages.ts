import { impala } from '../../../learner/algorithms/impala.ts'
import { encodeCheckpoint, decodeCheckpoint, experimentHash } from '../../../learner/checkpoint/checkpoint.ts'
import { type Experiment, experiment } from '../../../learner/experiment.ts'
import type { Progress } from '../../../learner/run/observer.ts'
import type { TrainOptions, TrainResult } from '../../../learner/run/service.ts'
import type { StageParts } from '../../../learner/stage/parts.ts'
import { LearnerClaim, type RunRequest, RunStatus } from '../../../learner/stage/records.ts'
import { serveStage } from '../../../learner/stage/serveStage.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import type { ObjectStore, WriteCondition } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { StageDescription } from '../../../shared/protocol/stage.ts'
import { fakeInvoker } from '../../fakes/fakeInvoker.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { type MemoryStore, memoryStore } from '../../fakes/memoryStore.ts'
import { stageOf } from '../../fakes/stageDescription.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

export const VERSION = stageOf().millrace
export const HEARTBEAT_MS = stageOf().heartbeatSeconds * 1000
/** One update of the training that is played here. */
export const UPDATE_MS = 500

/** The update counts of a log that has each once. */
export const upTo = (n: number, from = 1): readonly number[] => Array.from({ length: n - from + 1 }, (_, i) => from + i)

export const identity = (changes: object = {}): Experiment =>
  experiment({ env: 'Identity-v0', algorithm: impala(), rollouts: { shards: 2 }, stop: { envSteps: 1e6 }, ...changes })

/** What a training was called with, and how far it came. */
export interface Trained {
  readonly run: string
  readonly attempt: number
  readonly from: number
  readonly experiment: Experiment
  readonly earlier: TrainOptions['earlier']
  updates: number
  ended: boolean
}

/** A stage without a cloud: everything the learner's service stands on, and a training that takes its time and does nothing. */
export function worldOf(changes: Partial<StageDescription> = {}) {
  const clock = virtualClock()
  const store = watched(memoryStore())
  const stage = stageOf(changes)
  const group = { desired: 1, sets: [] as number[], onSet: async (_desired: number) => undefined as unknown }
  const limit = { value: undefined as number | undefined, sets: [] as number[] }
  const deadMan = {
    at: undefined as number | undefined,
    arms: 0,
    failNext: 0,
    onDisarm: async () => undefined as unknown,
  }
  const trained: Trained[] = []
  const lines: string[] = []
  /** Updates after which a run has reached its goal, and what becomes of one that does not reach it. */
  const play = { updates: 20, fail: undefined as ((one: Trained) => Error | undefined) | undefined }
  let learners = 0

  async function train(one: Experiment, options: TrainOptions): Promise<TrainResult> {
    const { observer = {}, signal, run, attempt = 1 } = options
    const before = options.resume && decodeCheckpoint(options.resume)
    const from = before?.state.clocks.updates ?? 0
    const { earlier } = options
    const playing: Trained = { run, attempt, from, experiment: one, earlier, updates: from, ended: false }
    trained.push(playing)
    const startedAt = clock.now()
    const progress = (): Progress => progressOf(playing.updates, clock.now() - startedAt)
    const checkpoint = (): Uint8Array => checkpointAt(one, { run, updates: playing.updates })
    observer.onStart?.({ run, env: 'Identity-v0', algorithm: 'impala', seed: 1, where: 'here', stop: one.stop })
    let saved = clock.now()
    while (!signal?.aborted && playing.updates < play.updates) {
      await clock.sleep(UPDATE_MS, signal)
      if (signal?.aborted) break
      playing.updates++
      const { stepsPerSecond: _, ...line } = progress()
      observer.onUpdate?.(line)
      observer.onProgress?.(progress())
      const error = play.fail?.(playing)
      if (error) throw error
      if (options.checkpoint && clock.now() - saved >= options.checkpoint.everyMs) {
        saved = clock.now()
        await options.checkpoint.save(checkpoint(), playing.updates)
      }
    }
    const interrupted = signal?.aborted === true
    if (interrupted && playing.updates > from) {
      await options.checkpoint
        ?.save(checkpoint(), playing.updates)
        .catch((error: Error) => observer.onEvent?.({ level: 'warn', text: error.message }))
    }
    playing.ended = true
    const reason = interrupted ? 'interrupted' : 'meanReturn'
    const curve = [[playing.updates * 640, 5]] as const
    return {
      summary: { run, reason, progress: progress(), curve, costByPart: { functions: 0.5 } },
      policy: new Uint8Array([1, 2, 3]),
      spec: { observation: { shape: [2] }, action: { kind: 'discrete', n: 2 }, distribution: 'categorical' },
    }
  }

  /** A learner of the stage, as a process of its own. */
  function learner(options: Partial<StageParts> = {}) {
    const killed = { yes: false }
    const end = new AbortController()
    const name = `learner-${++learners}`
    const parts: StageParts = {
      stage,
      store: mortal(store, killed),
      clock,
      group: {
        size: async () => ({ desired: group.desired, running: group.desired }),
        async set(desired) {
          group.desired = desired
          group.sets.push(desired)
          await group.onSet(desired)
        },
      },
      limit: {
        get: async () => limit.value,
        async set(value) {
          limit.value = value
          limit.sets.push(value)
        },
      },
      deadMan: {
        async arm(at) {
          if (killed.yes) return
          if (deadMan.failNext > 0) {
            deadMan.failNext--
            throw new MillraceError('E_AWS', 'the scheduler is away')
          }
          deadMan.at = at
          deadMan.arms++
        },
        async disarm() {
          deadMan.at = undefined
          await deadMan.onDisarm()
        },
      },
      learner: name,
      host: `host of ${name}`,
      versions: { millrace: VERSION, node: '24.0.0', onnxruntime: '1.30.0' },
      once: false,
      signal: end.signal,
      openCloud: async () => ({
        where: 'here',
        store,
        queue: memoryQueue({ clock }),
        invoker: fakeInvoker(),
        clock,
        bucket: 'bucket',
        queueUrl: 'queue',
        spillAboveBytes: 0,
        manifestPollMs: 0,
        heartbeatMs: HEARTBEAT_MS,
        memoryMb: 1769,
        trainWorker: undefined,
        close: async () => undefined,
      }),
      loadExperiment: async (module) => identity(JSON.parse(new TextDecoder().decode(module)) as object),
      train,
      log: (text) => lines.push(`${name} ${text}`),
      ...options,
    }
    let failure: unknown
    const serving = serveStage(parts).catch((error: unknown) => {
      failure = error
    })
    return {
      name,
      end: () => end.abort(),
      /** Its requests are never answered any more: to everybody else it is gone. */
      kill() {
        killed.yes = true
      },
      /** Resolves when it has ended, time going on. @returns what it failed with */
      async ended(withinMs = 3_600_000) {
        let over = false
        void serving.then(() => (over = true))
        for (let t = 0; t < withinMs && !over; t += 1_000) await clock.advance(1_000)
        if (!over) throw new Error(`${name} has not ended within ${withinMs} ms`)
        return failure
      },
    }
  }

  /** Asks for a run, as the command line does. The module is the experiment's settings as JSON. */
  async function ask(run: string, changes: Partial<RunRequest> = {}, settings: object = {}): Promise<void> {
    const module = new TextEncoder().encode(JSON.stringify(settings))
    const sha256 = sha256Hex(module)
    const key = keys.code(run, sha256)
    await store.put(key, module)
    const requestedAt = clock.now()
    await put(keys.status(run), {
      format: 1,
      run,
      experiment: 'identity',
      state: 'waiting',
      attempt: 0,
      at: requestedAt,
      requestedAt,
      events: [],
      metricsPieces: 0,
    })
    const request = { format: 1, run, experiment: 'identity', millrace: VERSION, requestedAt, set: {} }
    await put(keys.request(run), { ...request, module: { key, sha256 }, ...changes })
  }
  /** As the command line writes a user's wish. */
  const stop = (run: string) => put(keys.stop(run), { format: 1, at: clock.now(), by: 'me' })
  const put = (key: string, value: unknown) => store.put(key, new TextEncoder().encode(JSON.stringify(value)))
  const json = (key: string): unknown => JSON.parse(new TextDecoder().decode(store.objects.get(key)?.body))

  return {
    clock,
    store,
    stage,
    group,
    limit,
    deadMan,
    trained,
    lines,
    play,
    learner,
    ask,
    stop,
    put,
    status: (run: string): RunStatus => RunStatus.parse(json(keys.status(run))),
    claim: (): LearnerClaim => LearnerClaim.parse(json(keys.claim)),
    /** The update counts of the metrics log, piece after piece. */
    logged(run: string): number[] {
      const { metricsPieces } = RunStatus.parse(json(keys.status(run)))
      return Array.from({ length: metricsPieces }, (_, piece) =>
        new TextDecoder().decode(store.objects.get(keys.metrics(run, piece))?.body),
      ).flatMap((text) =>
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => (JSON.parse(line) as { updates: number }).updates),
      )
    },
    keysUnder: (prefix: string) => [...store.objects.keys()].filter((key) => key.startsWith(prefix)),
  }
}

/** A stage with a learner that has been at `run` for so long, with `updates` to its goal. */
export async function atWork(
  ms: number,
  { updates = 1e6, ...changes }: Partial<StageDescription> & { updates?: number } = {},
) {
  const w = worldOf(changes)
  w.play.updates = updates
  await w.ask('run')
  const learner = w.learner()
  await w.clock.advance(ms)
  return { w, learner }
}

/** Every status and claim that is ever written fits its schema. */
function watched(store: MemoryStore) {
  return {
    ...store,
    onPut: async (_key: string, _body: Uint8Array) => undefined as unknown,
    async put(key: string, body: Uint8Array, condition?: WriteCondition) {
      await this.onPut(key, body)
      if (key.endsWith('/status.json')) RunStatus.parse(JSON.parse(new TextDecoder().decode(body)))
      if (key === keys.claim) LearnerClaim.parse(JSON.parse(new TextDecoder().decode(body)))
      return store.put(key, body, condition)
    },
  }
}

function mortal(store: ObjectStore, killed: { readonly yes: boolean }): ObjectStore {
  const alive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (killed.yes) return await new Promise<T>(() => undefined)
    return await work()
  }
  return {
    get: (key, options) => alive(() => store.get(key, options)),
    put: (key, body, condition) => alive(() => store.put(key, body, condition)),
    list: (prefix) => alive(() => store.list(prefix)),
    delete: (all) => alive(() => store.delete(all)),
  }
}

function progressOf(updates: number, atMs: number): Progress {
  return {
    atMs,
    envSteps: updates * 640,
    trainedSteps: updates * 640,
    updates,
    policyVersion: updates,
    lag: { min: 0, mean: 1, max: 1 },
    meanReturn: updates === 0 ? null : updates,
    episodes: updates * 12,
    metrics: { loss: 1 },
    stepsPerSecond: 1280,
    updatesPerSecond: 2,
    learnerIdleShare: 0.5,
    functionsInFlight: 2,
    queuedFragments: 0,
    costUsd: 0.001 * updates,
    dropped: { stale: 0, duplicate: 0, corrupt: 0, foreign: 0, envSteps: 0 },
  }
}

function checkpointAt(one: Experiment, { run, updates }: { run: string; updates: number }): Uint8Array {
  return encodeCheckpoint({
    run,
    experiment: experimentHash(one),
    program: {
      sets: { policy: { weights: new Float32Array([updates]), slots: {}, step: updates } },
      scalars: {},
      calls: { update: updates },
      random: [1, 2, 3, 4],
    },
    state: {
      clocks: { envSteps: updates * 640, trainedSteps: updates * 640, updates },
      stale: { fragments: 0, envSteps: 0 },
      episodes: 0,
      lastReturns: [],
    },
    report: { elapsedMs: 1, curve: [], curveStride: 1 },
    costByPart: {},
  })
}

import type { BatchQueue, ObjectStore, ReadResult } from '../shared/cloud/ports.ts'
import { systemClock } from '../shared/cloud/clock.ts'
import { makeVectorEnv } from '../shared/env/index.ts'
import type { Lease } from '../shared/protocol/lease.ts'
import { encodeManifest } from '../shared/protocol/manifest.ts'
import { sha256Hex } from '../shared/batch/hash.ts'
import { RolloutWorkers, runInvocation } from '../shared/rollout/index.ts'
import { policy, cartPoleRunner } from './cartPoleSetting.ts'
import { PlainPolicy } from './plainPolicy.ts'
import { type Row, higherIsBetter } from './result.ts'

const ENVS = 128
const T = 32
const SECONDS = 3

/** The rollout function's own work on one core: policy, sampling, envs, encoding, hashing; the cloud takes what it gives at once. */
export async function rolloutRow(): Promise<Row> {
  const runner = cartPoleRunner(T, ENVS)
  const workers = new RolloutWorkers()
  const bodies = { count: 0 }
  const ports = sinks(runner.policy('default'), bodies)
  const run = async (maxFragments: number): Promise<number> => {
    const [report] = await runInvocation({
      leases: [leaseOf(maxFragments)],
      ports: { ...ports, clock: systemClock },
      workers: workers.take(1),
      source: async () => 'CartPole-v1',
      signal: new AbortController().signal,
      coldStart: false,
    })
    if (report?.end !== 'fragments') throw new Error(`the lease ended with ${report?.end}: ${report?.error?.message}`)
    return report.envSteps / (report.totalMs / 1000)
  }
  await run(100)
  const probe = await run(100)
  const value = await run(Math.ceil((probe * SECONDS) / (ENVS * T)))
  await runner.close()
  return higherIsBetter({
    name: 'rollout function, CartPole-v1, 128 envs, 4-64-64-2, sampling and encoding included',
    value,
    unit: 'env steps/s, one core',
    baseline: {
      name: 'the same envs with the policy in plain JavaScript, nothing encoded',
      value: plainStepsPerSecond(),
    },
    limit: 'the policy in onnxruntime takes two thirds of a step; stepping and sampling 128 envs the rest',
  })
}

function plainStepsPerSecond(): number {
  const env = makeVectorEnv('CartPole-v1', { numEnvs: ENVS })
  const plain = new PlainPolicy([4, 64, 64, 2], ENVS)
  const actions = new Int32Array(ENVS)
  env.reset(1)
  const until = performance.now() + 1000
  const from = performance.now()
  let steps = 0
  while (performance.now() < until) {
    plain.sample(env.observations as Float32Array, actions)
    env.step(actions)
    steps += ENVS
  }
  return steps / ((performance.now() - from) / 1000)
}

function sinks(model: Uint8Array, bodies: { count: number }): { store: ObjectStore; queue: BatchQueue } {
  const body = encodeManifest({
    format: 1,
    run: 'bench',
    policy: { version: 0, key: 'policy', sha256: sha256Hex(model), inline: Buffer.from(model).toString('base64') },
    consumed: [Number.MAX_SAFE_INTEGER],
    heartbeatUntil: systemClock.now() + 3_600_000,
    stop: false,
  })
  const store: ObjectStore = {
    get: async (_key, options): Promise<ReadResult> =>
      options?.ifNoneMatch === undefined ? { kind: 'found', body, etag: '"1"' } : { kind: 'notModified' },
    put: async () => {
      bodies.count++
      return '"1"'
    },
    list: async () => [],
    delete: async () => undefined,
  }
  const queue: BatchQueue = {
    send: async () => undefined,
    receive: async () => [],
    delete: async () => undefined,
    reject: async () => undefined,
  }
  return { store, queue }
}

function leaseOf(maxFragments: number): Lease {
  return {
    run: 'bench',
    shard: 0,
    lease: 'bench',
    firstSequence: 0,
    env: { id: 'CartPole-v1', config: {} },
    policy,
    numEnvs: ENVS,
    fragmentLength: T,
    maxFragments,
    deadline: systemClock.now() + 600_000,
    pacing: { mode: 'newest', perVersion: 1, lead: 0, patienceMs: 1000 },
    stages: [],
    exploration: {},
    seed: 1,
    bucket: 'bench',
    queueUrl: 'bench',
    spillAboveBytes: 16_384,
    compress: false,
    maxSendsInFlight: 4,
    manifestPollMs: 2,
  }
}
